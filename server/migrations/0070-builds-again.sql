-- A build that no pusher's connection carries (a detached push, a rebuild) starts again on another copy when its own died.
alter table build
  add column source text check (source ~ '^sha256:[0-9a-f]{64}$'),  -- the tree's blob until the build has ended; null: it does not start again
  add column wish jsonb,                                            -- what was asked for, as builds/detached.ts keeps it
  add column tries integer not null default 1;
create index build_source on build (source) where source is not null;
