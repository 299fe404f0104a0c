-- The device side: what a device should run, whether it is there, what it prints.

-- A trace of every transaction that changed what a fleet's target state is made of. Reading (count, least, greatest) of a
-- fleet's rows tells whether a cached fragment still holds, without locks and whoever wrote. Rows older than an hour are
-- swept (which costs one reload of the fragment).
create table target_change (
  application integer not null references application on delete cascade,
  transaction bigint not null,
  changed_at timestamptz(3) not null default now(),
  primary key (application, transaction)
);

create function mark_target_change(application integer) returns void language sql as $$
  insert into target_change (application, transaction)
  select a.id, pg_current_xact_id()::text::bigint from application a where a.id = mark_target_change.application
  on conflict do nothing
$$;

create function target_changed_of_application() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then perform mark_target_change(old.application); end if;
  if tg_op <> 'DELETE' then perform mark_target_change(new.application); end if;
  return null;
end $$;
create trigger target_changed after insert or update or delete on application_environment_variable
  for each row execute function target_changed_of_application();
create trigger target_changed after insert or update or delete on application_config_variable
  for each row execute function target_changed_of_application();
create trigger target_changed after update or delete on service
  for each row execute function target_changed_of_application();

create function target_changed_of_service() returns trigger language plpgsql as $$
begin
  perform mark_target_change(s.application) from service s
  where s.id = case tg_op when 'DELETE' then old.service else new.service end;
  return null;
end $$;
create trigger target_changed after insert or update or delete on service_environment_variable
  for each row execute function target_changed_of_service();
create trigger target_changed after insert or update or delete on service_label
  for each row execute function target_changed_of_service();

create function target_changed_of_release() returns trigger language plpgsql as $$
begin
  perform mark_target_change(new.belongs_to__application);
  return null;
end $$;
create trigger target_changed after update of commit, composition, contract on release
  for each row execute function target_changed_of_release();

create function target_changed_of_release_image() returns trigger language plpgsql as $$
begin
  perform mark_target_change(r.belongs_to__application) from release r
  where r.id = case tg_op when 'DELETE' then old.is_part_of__release else new.is_part_of__release end;
  return null;
end $$;
create trigger target_changed after insert or update or delete on release_image
  for each row execute function target_changed_of_release_image();

create function target_changed_of_image() returns trigger language plpgsql as $$
begin
  perform mark_target_change(s.application) from service s where s.id = new.is_a_build_of__service;
  return null;
end $$;
create trigger target_changed after update of location, content_hash, contract, is_a_build_of__service on image
  for each row execute function target_changed_of_image();

create function target_changed_of_image_part() returns trigger language plpgsql as $$
begin
  perform mark_target_change(r.belongs_to__application) from release_image ri join release r on r.id = ri.is_part_of__release
  where ri.id = case tg_op when 'DELETE' then old.release_image else new.release_image end;
  return null;
end $$;
create trigger target_changed after insert or update or delete on image_label
  for each row execute function target_changed_of_image_part();
create trigger target_changed after insert or update or delete on image_environment_variable
  for each row execute function target_changed_of_image_part();

-- What a deleted release leaves behind: the reports of devices that ran it still count.
create table deleted_release_image (
  application integer not null references application on delete cascade,
  commit text not null,
  location text not null,
  deleted_at timestamptz(3) not null default now(),
  primary key (application, commit, location)
);
create index deleted_release_image_location on deleted_release_image (location);

create function remember_release_images() returns trigger language plpgsql as $$
begin
  insert into deleted_release_image (application, commit, location)
  select a.id, old.commit, i.location
  from application a, release_image ri join image i on i.id = ri.image
  where a.id = old.belongs_to__application and ri.is_part_of__release = old.id and old.status = 'success'
  on conflict do nothing;
  return old;
end $$;
create trigger remember_images before delete on release for each row execute function remember_release_images();

-- When a device that polls counts as late. A device on the line has no row: its connection is its heartbeat.
create table device_heartbeat (
  device integer primary key references device on delete cascade,
  due_at timestamptz(3) not null
) with (fillfactor = 70);
create index device_heartbeat_due on device_heartbeat (due_at);

-- An open line. Counts only while the lease of its copy lives; a device is connected while any living row exists.
create table connection (
  id uuid primary key,
  device integer not null references device on delete cascade,
  copy uuid not null,
  since timestamptz(3) not null default now(),
  address text                                        -- of the device, as this copy sees it
);
create index connection_device on connection (device);
create index connection_copy on connection (copy);

-- Which copies have people reading a device's log or looking at it now; only then are its changes told between copies.
create table watch (
  id uuid primary key,
  device integer not null references device on delete cascade,
  copy uuid not null
);
create index watch_device on watch (device);

-- Lines of devices, one partition a day, made ahead and dropped whole. No foreign keys: a removed device's lines are
-- deleted by the verb that removes it, and the rest goes with the partition.
create sequence device_log_id as bigint;                -- uncached: ids tell the order of arrival
create table device_log (
  id bigint not null default nextval('device_log_id'),
  device integer not null,
  created_at timestamptz(3) not null,                 -- arrival
  timestamp double precision not null,                -- epoch ms, by the device's clock
  is_system boolean not null,
  is_stderr boolean not null,
  service integer,
  message text not null
) partition by range (created_at);
create index device_log_device on device_log (device, id);
