-- Names are those of the wire (API v7); columns are the fields. Times keep milliseconds, as the wire does.

create table actor (
  id integer generated always as identity primary key
);

create table "user" (
  id integer generated always as identity primary key,
  actor integer not null unique references actor,
  username text not null unique check (username ~ '^[a-z0-9_]{1,73}$'),
  email text not null,
  password_hash text,                                 -- PHC string, argon2id; null: no password login
  jwt_secret text not null,                           -- changing it ends every session of the user
  created_at timestamptz(3) not null default now()
);
create unique index user_email on "user" (lower(email));

create table organization (
  id integer generated always as identity primary key,
  name text not null check (length(name) between 1 and 255),
  handle text not null unique check (handle ~ '^[a-z0-9_]{1,73}$'),
  created_at timestamptz(3) not null default now()
);

create table organization_membership_role (
  id integer generated always as identity primary key,
  name text not null unique
);
insert into organization_membership_role (name) values ('administrator'), ('developer'), ('operator'), ('observer');

create table organization_membership (
  id integer generated always as identity primary key,
  "user" integer not null references "user" on delete cascade,
  is_member_of__organization integer not null references organization on delete cascade,
  organization_membership_role integer not null references organization_membership_role,
  created_at timestamptz(3) not null default now(),
  unique ("user", is_member_of__organization)
);
create index organization_membership_organization on organization_membership (is_member_of__organization);

create table api_key (
  id integer generated always as identity primary key,
  is_of__actor integer not null references actor on delete cascade,
  key_hash bytea not null unique,                     -- SHA-256 of the key; keys are long and random, so no salt is needed
  role text not null check (role in ('provisioning-api-key', 'device-api-key', 'named-user-api-key')),
  name text check (length(name) <= 50),
  description text check (length(description) <= 150),
  expiry_date timestamptz(3),
  created_at timestamptz(3) not null default now()
);
create index api_key_actor on api_key (is_of__actor);

create table user__has__public_key (
  id integer generated always as identity primary key,
  "user" integer not null references "user" on delete cascade,
  title text not null check (length(title) <= 120),
  public_key text not null check (length(public_key) <= 2850),
  created_at timestamptz(3) not null default now()
);

-- Device types: filled from server/src/device-types/*.json at every start.

create table cpu_architecture (
  id integer generated always as identity primary key,
  slug text not null unique
);

create table device_type (
  id integer generated always as identity primary key,
  slug text not null unique,
  name text not null,
  is_of__cpu_architecture integer not null references cpu_architecture,
  logo text,
  contract jsonb,
  is_private boolean not null default false,
  created_at timestamptz(3) not null default now()
);

create table device_type_alias (
  id integer generated always as identity primary key,
  device_type integer not null references device_type on delete cascade,
  is_referenced_by__alias text not null unique,
  created_at timestamptz(3) not null default now()
);

create table application_type (
  id integer generated always as identity primary key,
  slug text not null unique,
  name text not null,
  supports_multicontainer boolean not null,
  supports_web_url boolean not null,
  supports_gateway_mode boolean not null default false,
  is_legacy boolean not null default false,
  requires_payment boolean not null default false,
  needs__os_version_range text,
  description text,
  maximum_device_count integer
);
insert into application_type (slug, name, supports_multicontainer, supports_web_url) values ('default', 'Default', true, true);

create table application (
  id integer generated always as identity primary key,
  actor integer not null unique references actor,
  uuid text not null unique check (uuid ~ '^[0-9a-f]{32}$'),
  organization integer not null references organization on delete cascade,
  app_name text not null check (app_name ~ '^[a-zA-Z0-9_-]{4,100}$'),
  slug text not null unique,
  is_for__device_type integer not null references device_type,
  application_type integer not null references application_type,
  is_of__class text not null default 'fleet' check (is_of__class in ('fleet', 'app', 'block')),
  should_be_running__release integer,                 -- references release, below
  should_track_latest_release boolean not null default true,
  should_be_operated_by__release integer,             -- references release, below
  is_host boolean not null default false,
  is_archived boolean not null default false,
  is_public boolean not null default false,
  is_discoverable boolean not null default true,
  is_accessible_by_support_until__date timestamptz(3),
  is_stored_at__repository_url text,
  created_at timestamptz(3) not null default now(),
  modified_at timestamptz(3) not null default now()
);
create unique index application_name on application (organization, lower(app_name));

create table release (
  id integer generated always as identity primary key,
  belongs_to__application integer not null references application on delete cascade,
  is_created_by__user integer references "user" on delete set null,
  commit text not null check (length(commit) between 1 and 40),
  composition jsonb not null default '{}',
  contract jsonb,
  status text not null check (status in ('running', 'success', 'failed', 'error', 'cancelled', 'interrupted')),
  source text not null default 'cloud' check (source in ('cloud', 'local')),
  build_log text,
  note text,
  known_issue_list text,
  invalidation_reason text,
  phase text check (phase in ('next', 'current', 'sunset', 'end-of-life')),
  start_timestamp timestamptz(3) not null,
  end_timestamp timestamptz(3),
  update_timestamp timestamptz(3) not null default now(),
  is_invalidated boolean not null default false,
  is_passing_tests boolean not null default true,
  wants_final boolean not null default true,          -- what POST said in `is_final`; final is told by `revision`
  is_finalized_at__date timestamptz(3),
  revision integer,                                   -- null: a draft (or not yet successful)
  semver text not null default '0.0.0',
  semver_major integer not null default 0,
  semver_minor integer not null default 0,
  semver_patch integer not null default 0,
  semver_prerelease text not null default '',
  semver_build text not null default '',
  variant text not null default '',
  created_at timestamptz(3) not null default now()
);
create unique index release_commit on release (belongs_to__application, commit) where status = 'success';
create unique index release_revision on release
  (belongs_to__application, semver_major, semver_minor, semver_patch, semver_prerelease, variant, revision)
  where revision is not null;
create index release_application on release (belongs_to__application, id desc);
create index release_commit_prefix on release (commit text_pattern_ops);

alter table application
  add foreign key (should_be_running__release) references release on delete set null,
  add foreign key (should_be_operated_by__release) references release on delete set null;

create table service (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  service_name text not null check (service_name ~ '^[a-zA-Z0-9][a-zA-Z0-9_.-]*$' and length(service_name) <= 255),
  created_at timestamptz(3) not null default now(),
  unique (application, service_name)
);

create table image (
  id integer generated always as identity primary key,
  is_a_build_of__service integer not null references service on delete cascade,
  location text not null unique,                      -- `v2/<32 hex>`: the repository; the registry's host is put in front when a document is made
  status text not null check (status in ('running', 'success', 'failed', 'error', 'cancelled', 'interrupted')),
  start_timestamp timestamptz(3) not null,
  end_timestamp timestamptz(3),
  push_timestamp timestamptz(3),
  content_hash text check (content_hash ~ '^sha256:[0-9a-f]{64}$'),
  image_size bigint,
  dockerfile text,
  build_log text,
  error_message text,
  project_type text,
  contract jsonb,
  created_at timestamptz(3) not null default now(),
  check (status <> 'success' or (push_timestamp is not null and content_hash is not null))
);
create index image_service on image (is_a_build_of__service);

create table release_image (
  id integer generated always as identity primary key,
  image integer not null references image on delete cascade,
  is_part_of__release integer not null references release on delete cascade,
  created_at timestamptz(3) not null default now(),
  unique (image, is_part_of__release)
);
create index release_image_release on release_image (is_part_of__release);

create table image_label (
  id integer generated always as identity primary key,
  release_image integer not null references release_image on delete cascade,
  label_name text not null,
  value text not null,
  created_at timestamptz(3) not null default now(),
  unique (release_image, label_name)
);

create table image_environment_variable (
  id integer generated always as identity primary key,
  release_image integer not null references release_image on delete cascade,
  name text not null,
  value text not null,
  created_at timestamptz(3) not null default now(),
  unique (release_image, name)
);

create table device (
  id integer generated always as identity primary key,
  actor integer not null unique references actor,
  uuid text not null unique check (uuid ~ '^([0-9a-f]{32}|[0-9a-f]{62})$'),
  device_name text not null check (length(device_name) between 1 and 255 and device_name !~ '[\n\r]'),
  belongs_to__application integer references application on delete cascade,
  is_of__device_type integer not null references device_type,
  is_pinned_on__release integer references release on delete set null,
  should_be_managed_by__release integer references release on delete set null,
  should_be_operated_by__release integer references release on delete set null,
  is_running__release integer references release on delete set null,
  note text,
  local_id text,
  custom_latitude text, custom_longitude text,
  latitude text, longitude text, location text,
  status text,
  os_version text,
  os_variant text check (os_variant in ('dev', 'prod')),
  supervisor_version text,
  provisioning_progress integer,
  provisioning_state text,
  download_progress integer,
  ip_address text, mac_address text, public_address text,
  api_port integer, api_secret text,                  -- hidden
  cpu_id text,
  is_undervolted boolean not null default false,
  update_status text check (update_status in ('rejected', 'downloading', 'downloaded', 'applying changes', 'aborted', 'done')),
  last_update_status_event timestamptz(3),
  api_heartbeat_state text not null default 'unknown' check (api_heartbeat_state in ('online', 'offline', 'timeout', 'unknown')),
  changed_api_heartbeat_state_on__date timestamptz(3),
  is_connected_to_vpn boolean not null default false,
  last_vpn_event timestamptz(3),
  is_online boolean not null default false,
  last_connectivity_event timestamptz(3),
  is_active boolean not null default true,
  is_web_accessible boolean not null default false,
  is_frozen boolean not null default false,
  is_locked_until__date timestamptz(3),
  is_accessible_by_support_until__date timestamptz(3),
  report_version integer not null default 0,          -- counts accepted reports, so that a stale copy in memory is noticed
  created_at timestamptz(3) not null default now(),
  modified_at timestamptz(3) not null default now()
);
create index device_application on device (belongs_to__application, id);
create index device_pin on device (is_pinned_on__release) where is_pinned_on__release is not null;

-- Volatile numbers live in a narrow table of their own, so that they rewrite no wide row and no index.
create table device_metrics (
  device integer primary key references device on delete cascade,
  memory_usage integer, memory_total integer,
  storage_usage integer, storage_total integer, storage_block_device text,
  cpu_usage integer, cpu_temp integer,
  updated_at timestamptz(3) not null default now()
) with (fillfactor = 70);

create table image_install (
  id integer generated always as identity primary key,
  device integer not null references device on delete cascade,
  installs__image integer not null references image on delete cascade,
  is_provided_by__release integer not null references release on delete cascade,
  install_date timestamptz(3) not null default now(),
  status text not null,
  download_progress integer,
  created_at timestamptz(3) not null default now(),
  unique (device, installs__image)
);
create index image_install_release on image_install (is_provided_by__release);

create table service_install (
  id integer generated always as identity primary key,
  device integer not null references device on delete cascade,
  installs__service integer not null references service on delete cascade,
  created_at timestamptz(3) not null default now(),
  unique (device, installs__service)
);

-- Variables, tags, labels: all of one shape, owner and name are the natural key.

create table application_environment_variable (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (application, name)
);
create table application_config_variable (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (application, name)
);
create table build_environment_variable (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (application, name)
);
create table device_environment_variable (
  id integer generated always as identity primary key,
  device integer not null references device on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (device, name)
);
create table device_config_variable (
  id integer generated always as identity primary key,
  device integer not null references device on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (device, name)
);
create table service_environment_variable (
  id integer generated always as identity primary key,
  service integer not null references service on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (service, name)
);
create table device_service_environment_variable (
  id integer generated always as identity primary key,
  service_install integer not null references service_install on delete cascade,
  name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (service_install, name)
);
create table service_label (
  id integer generated always as identity primary key,
  service integer not null references service on delete cascade,
  label_name text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (service, label_name)
);
create table application_tag (
  id integer generated always as identity primary key,
  application integer not null references application on delete cascade,
  tag_key text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (application, tag_key)
);
create table device_tag (
  id integer generated always as identity primary key,
  device integer not null references device on delete cascade,
  tag_key text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (device, tag_key)
);
create table release_tag (
  id integer generated always as identity primary key,
  release integer not null references release on delete cascade,
  tag_key text not null, value text not null,
  created_at timestamptz(3) not null default now(),
  unique (release, tag_key)
);

-- The platform's own.

-- Sealed with COPAL_SECRET: CA and signing keys.
create table platform_secret (
  name text primary key,
  sealed bytea not null,
  created_at timestamptz(3) not null default now()
);

-- A running copy of the server; its connections, builds and locks count only while the lease lives.
create table copy (
  id uuid primary key,
  started_at timestamptz(3) not null default now(),
  lease_until timestamptz(3) not null
);
