-- How far each of a device's logs is stored, and who may add to it. A row for devices that ask: those of others send as ever.
create table log_claim (
  device integer primary key references device on delete cascade,
  claim uuid not null,                                -- of the newest stream; older ones store nothing any more
  places jsonb not null                               -- source → [place of its last stored line, stored at (epoch s)]
) with (fillfactor = 50);
