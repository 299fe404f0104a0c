-- What a fleet's git remote holds. The bare repository on disk is a cache of this.

create table git_ref (
  application integer not null references application on delete cascade,
  name text not null check (name like 'refs/%'),
  object text not null check (object ~ '^[0-9a-f]{40}$'),
  moved_at timestamptz(3) not null,
  primary key (application, name)
);

-- One pack for each push, complete in itself (bases that the client left out are appended).
create table git_pack (
  application integer not null references application on delete cascade,
  name text not null check (name ~ '^[0-9a-f]{40}$'),  -- git's own checksum, as in `pack-<name>.pack`
  blob text not null check (blob ~ '^sha256:[0-9a-f]{64}$'),
  size bigint not null,
  created_at timestamptz(3) not null,
  primary key (application, name)
);
create index git_pack_blob on git_pack (blob);

-- Commits whose parents were never pushed, since the push came from a shallow clone.
create table git_shallow (
  application integer not null references application on delete cascade,
  object text not null check (object ~ '^[0-9a-f]{40}$'),
  primary key (application, object)
);
