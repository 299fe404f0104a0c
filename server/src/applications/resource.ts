import {
  atCreation,
  boolean,
  byKind,
  date,
  guarded,
  mandatory,
  many,
  manyWhere,
  nullable,
  one,
  oneOf,
  readOnly,
  resource,
  text,
} from '../kit/odata/resource.ts'
import { createApplication } from './create-application.ts'
import { createService, removeServices } from './services.ts'
import { removeApplications } from './remove-application.ts'
import { updateApplications } from './update-application.ts'

const fleetOrPublic = (row: string) =>
  `${row}.id = any(array(select id from fleets_seen)) or ${row}.is_public`
/** What belongs to a fleet or a public application; `row` has the link `by`. */
const ofFleetOrPublic = (by: string) => (row: string) =>
  `${row}.${by} = any(array(select id from fleets_seen))
   or exists (select 1 from application p where p.id = ${row}.${by} and p.is_public)`

export const applicationResources = [
  resource('application', {
    fields: {
      created_at: readOnly(date),
      modified_at: readOnly(date),
      app_name: mandatory(text),
      slug: readOnly(text),
      uuid: atCreation(text),
      is_of__class: atCreation(oneOf('fleet', 'app', 'block')),
      should_track_latest_release: boolean,
      is_host: boolean,
      is_archived: boolean,
      is_public: boolean,
      is_discoverable: boolean,
      is_accessible_by_support_until__date: nullable(date),
      is_stored_at__repository_url: nullable(text),
    },
    links: {
      actor: readOnly(one('actor')),
      organization: mandatory(one('organization')),
      is_for__device_type: mandatory(one('device_type')),
      application_type: one('application_type'),
      should_be_running__release: nullable(one('release')),
      should_be_operated_by__release: nullable(one('release')),
      owns__device: many('device', 'belongs_to__application'),
      owns__release: many('release', 'belongs_to__application'),
      service: many('service', 'application'),
      application__has__service_name: many('service', 'application'),
      application_tag: many('application_tag', 'application'),
      application__has__tag_key: many('application_tag', 'application'),
      application_environment_variable: many('application_environment_variable', 'application'),
      application__has__env_var_name: many('application_environment_variable', 'application'),
      application_config_variable: many('application_config_variable', 'application'),
      application__has__config_var_name: many('application_config_variable', 'application'),
      build_environment_variable: many('build_environment_variable', 'application'),
      application__has__build_var_name: many('build_environment_variable', 'application'),
      user_application_membership: many('user_application_membership', 'is_member_of__application'),
      application_invite: many('invitee__is_invited_to__application', 'is_invited_to__application'),
      can_use__application_as_host: many('application__can_use__application_as_host', 'application'),
      // Whoever asks, where they reach the fleet by membership and not because it is public. Clients only ask whether
      // there is a row: `any(dau:1 eq 1)`, on almost every query.
      is_directly_accessible_by__user: manyWhere(
        'actor',
        (row, other) => `${other}.id = @actor and ${row}.id = any(array(select id from fleets_seen))`,
      ),
    },
    keys: [['slug'], ['uuid']],
    visibleTo: byKind({
      user: fleetOrPublic,
      device: fleetOrPublic,
      application: (row) => `${row}.id = @me`,
      guest: (row) => `${row}.is_public`,
    }),
    changeableBy: byKind({ user: (row) => `${row}.id = any(array(select id from fleets_changed))` }),
    removableBy: byKind({ user: (row) => `${row}.id = any(array(select id from fleets_founded))` }),
    create: createApplication,
    update: updateApplications,
    remove: removeApplications,
  }),

  resource('service', {
    fields: { created_at: readOnly(date), service_name: mandatory(atCreation(text)) },
    links: {
      application: mandatory(guarded(atCreation(one('application')))),
      service_environment_variable: many('service_environment_variable', 'service'),
      service_label: many('service_label', 'service'),
      service_install: many('service_install', 'installs__service'),
      device__installs__service: many('service_install', 'installs__service'),
      is_built_by__image: many('image', 'is_a_build_of__service'),
    },
    keys: [['application', 'service_name']],
    visibleTo: byKind({
      user: ofFleetOrPublic('application'),
      device: ofFleetOrPublic('application'),
      guest: ofFleetOrPublic('application'),
    }),
    changeableBy: byKind({ user: (row) => `${row}.application = any(array(select id from fleets_changed))` }),
    create: createService,
    remove: removeServices,
  }),
]
