-- Skipping through a list of devices by name reads the index alone, also to see whose they are.
drop index device_name;
create index device_name on device (device_name, id) include (belongs_to__application);
