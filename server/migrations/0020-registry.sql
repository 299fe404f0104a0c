-- The registry: bytes of blobs lie in the blob store, everything else is rows. Times called `touched_at` are marks for the
-- collection of rubbish: a push renews them (to the hour), so that what it counts on is not taken away under it.

create table repository (
  id integer generated always as identity primary key,
  name text not null unique check (length(name) <= 255),  -- `v2/<32 hex>` of an image, or one of the platform's own
  created_at timestamptz(3) not null default now()
);

-- What the store holds for the registry. A row is written after the bytes are safe and before anybody may refer to them.
create table registry_blob (
  digest text primary key check (digest ~ '^sha256:[0-9a-f]{64}$'),
  size bigint not null check (size >= 0),
  created_at timestamptz(3) not null default now(),
  touched_at timestamptz(3) not null default now()
);

-- A blob can be read in the repositories that it was pushed or mounted to, and in no other.
create table repository_blob (
  repository integer not null references repository on delete cascade,
  digest text not null references registry_blob on delete cascade,
  created_at timestamptz(3) not null default now(),
  primary key (repository, digest)
);
create index repository_blob_digest on repository_blob (digest);

create table manifest (
  id integer generated always as identity primary key,
  repository integer not null references repository on delete cascade,
  digest text not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
  media_type text not null,                           -- exactly as it was pushed
  content bytea not null,                             -- exactly as it was pushed
  subject text,                                       -- the digest that it refers to (signatures, SBOMs); need not exist
  artifact_type text,
  created_at timestamptz(3) not null default now(),
  touched_at timestamptz(3) not null default now(),
  unique (repository, digest)
);
create index manifest_subject on manifest (repository, subject) where subject is not null;

-- What a manifest needs: for completeness at a push, and for reachability when rubbish is collected.
create table manifest_reference (
  manifest integer not null references manifest on delete cascade,
  kind text not null check (kind in ('config', 'layer', 'manifest', 'subject')),
  digest text not null,
  primary key (manifest, kind, digest)
);
create index manifest_reference_digest on manifest_reference (digest);

create table manifest_tag (
  repository integer not null references repository on delete cascade,
  name text collate "C" not null check (length(name) <= 128),
  digest text not null,
  updated_at timestamptz(3) not null default now(),
  primary key (repository, name),
  foreign key (repository, digest) references manifest (repository, digest) on delete cascade
);
create index manifest_tag_digest on manifest_tag (repository, digest);

-- An upload on its way. `size` counts bytes that are safe in the store; what a killed process wrote beyond it is cut off.
create table blob_upload (
  id uuid primary key,
  repository integer not null references repository on delete cascade,
  subject text not null,                              -- whose token began it
  size bigint not null default 0,
  note text not null default '',                      -- the store's own memory of this upload
  writer uuid,                                        -- the request that may append; a newer one takes over
  created_at timestamptz(3) not null default now(),
  touched_at timestamptz(3) not null default now()
);
create index blob_upload_touched on blob_upload (touched_at);
