import {
  boolean,
  computed,
  date,
  everybody,
  integer,
  json,
  many,
  nullable,
  one,
  readOnly,
  resource,
  text,
} from '../kit/odata/resource.ts'

// Readable without a login: clients list device types before they log in.
export const deviceTypeResources = [
  resource('cpu_architecture', {
    fields: { slug: readOnly(text) },
    links: {
      device_type: many('device_type', 'is_of__cpu_architecture'),
      is_supported_by__device_type: many('device_type', 'is_of__cpu_architecture'),
    },
    keys: [['slug']],
    visibleTo: everybody,
  }),

  resource('device_type', {
    fields: {
      created_at: readOnly(date),
      slug: readOnly(text),
      name: readOnly(text),
      logo: readOnly(nullable(text)),
      contract: readOnly(nullable(json)),
      is_private: readOnly(boolean),
    },
    links: {
      is_of__cpu_architecture: readOnly(one('cpu_architecture')),
      belongs_to__device_family: computed(nullable(one('device_family')), () => 'null::integer'),
      device_type_alias: many('device_type_alias', 'device_type'),
      device_type__is_referenced_by__alias: many('device_type_alias', 'device_type'),
      is_referenced_by__alias: many('device_type_alias', 'device_type'),
      is_default_for__application: many('application', 'is_for__device_type'),
      device: many('device', 'is_of__device_type'),
      describes__device: many('device', 'is_of__device_type'),
    },
    keys: [['slug']],
    visibleTo: everybody,
  }),

  resource('device_type_alias', {
    alsoCalled: ['device_type__is_referenced_by__alias'],
    fields: { created_at: readOnly(date), is_referenced_by__alias: readOnly(text) },
    links: { device_type: readOnly(one('device_type')) },
    keys: [['is_referenced_by__alias']],
    visibleTo: everybody,
  }),

  resource('application_type', {
    fields: {
      slug: readOnly(text),
      name: readOnly(text),
      supports_multicontainer: readOnly(boolean),
      supports_web_url: readOnly(boolean),
      supports_gateway_mode: readOnly(boolean),
      is_legacy: readOnly(boolean),
      requires_payment: readOnly(boolean),
      needs__os_version_range: readOnly(nullable(text)),
      description: readOnly(nullable(text)),
      maximum_device_count: readOnly(nullable(integer)),
    },
    links: { application: many('application', 'application_type') },
    keys: [['slug']],
    visibleTo: everybody,
  }),
]
