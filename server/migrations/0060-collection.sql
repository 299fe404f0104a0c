-- The collection of rubbish: docs/decisions/collection.md says what is kept and who takes which lock.

-- The blob that an upload is about to become. Written before its bytes are moved to their place, so that no copy takes
-- them away before the blob has its row.
alter table blob_upload add column digest text;
create index blob_upload_digest on blob_upload (digest) where digest is not null;

-- When the release's images were given to the collection; null: they are kept. The row and its log stay.
alter table release add column images_let_go_at timestamptz(3);

-- What a device was last seen to run well: it may want to go back there.
create table device_last_healthy (
  device integer primary key references device on delete cascade,
  release integer not null references release on delete cascade
);
create index device_last_healthy_release on device_last_healthy (release);

-- Whether a device names a release: asked for each one that might let go.
create index device_running on device (is_running__release) where is_running__release is not null;
create index device_managed on device (should_be_managed_by__release) where should_be_managed_by__release is not null;
create index device_operated on device (should_be_operated_by__release) where should_be_operated_by__release is not null;

-- When a copy last began to collect: one at a time does.
create table collection (
  id boolean primary key default true check (id),     -- one row
  began_at timestamptz(3) not null
);
