-- Sources hold build secrets, so their blobs are encrypted. The key, sealed, goes when the build has ended: what is left of
-- the blob until rubbish is collected can be read by nobody.
alter table build add column source_key bytea;
