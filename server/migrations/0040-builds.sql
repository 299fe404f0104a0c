-- A build: from the moment it asks for a builder until it ended. It counts as alive only while its copy's lease lives.
create table build (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  release integer references release on delete cascade,   -- null until the project was read
  "user" integer references "user" on delete set null,
  copy uuid not null,                                     -- the copy of the server that runs it; its row in `copy` may be gone
  commit text not null,
  status text not null check (status in ('waiting', 'running', 'success', 'failed', 'cancelled', 'interrupted')),
  error_message text,
  phases jsonb not null default '{}',                     -- milliseconds by phase: receive, wait, read, bases, build, upload, finish
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  ended_at timestamptz(3)
);
create index build_alive on build (id) where status in ('waiting', 'running');
create index build_application on build (application, id desc);
create index build_release on build (release);

-- What a build prints while it runs, in pieces. When it ends, the whole becomes `release.build_log` and the pieces go.
create table build_log (
  build integer not null references build on delete cascade,
  number integer not null,
  lines text not null,                                    -- whole lines, each with its newline
  primary key (build, number)
);
