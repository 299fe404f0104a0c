-- Lists of devices as clients sort them (by name, all or of one fleet), and look-ups by the beginning of a uuid.
create index device_name on device (device_name, id);
create index device_application_name on device (belongs_to__application, device_name, id);
create index device_uuid_prefix on device (uuid text_pattern_ops);
create index application_public on application (id) where is_public;
