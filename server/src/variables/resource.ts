import {
  atCreation,
  byKind,
  date,
  guarded,
  mandatory,
  one,
  readOnly,
  resource,
  text,
  through,
  type Resource,
  type RowSql,
  type Visibility,
} from '../kit/odata/resource.ts'
import { ownedRows, type Told } from './owned-rows.ts'
import { configRules, environmentRules, labelRules, tagRules, type Rules } from './rules.ts'

interface Owned {
  /** Also the name of the link to the owner. */
  owner: string
  name: 'name' | 'tag_key' | 'label_name'
  visibleTo: Visibility
  rules: Rules
  told: Told
  alsoCalled?: string[]
}

/** Variables, tags, labels: an owner, a name, a value; whoever may change the owner may change them. */
function owned(table: string, { owner, name, visibleTo, rules, told, alsoCalled }: Owned): Resource {
  return resource(table, {
    ...(alsoCalled && { alsoCalled }),
    fields: {
      created_at: readOnly(date),
      [name]: mandatory(atCreation(text)),
      value: mandatory(text),
    },
    links: { [owner]: mandatory(guarded(atCreation(one(owner)))) },
    keys: [[owner, name]],
    visibleTo,
    changeableBy: through(owner),
    ...ownedRows({ table, owner, name, rules, told }),
  })
}

// Secrets: not for observers.
const ofKnownFleet: RowSql = (row) => `${row}.application = any(array(select id from fleets_known))`
const ofKnownDevice = (device: string) =>
  `exists (select 1 from device g where g.id = ${device} and g.belongs_to__application = any(array(select id from fleets_known)))`
const serviceOf = (row: string, fleets: string) =>
  `exists (select 1 from service s where s.id = ${row}.service and s.application ${fleets})`
const installOf = (row: string, then: (device: string) => string) =>
  `exists (select 1 from service_install s where s.id = ${row}.service_install and ${then('s.device')})`

const ofFleet = byKind({ user: ofKnownFleet, device: (row) => `${row}.application = @fleet` })
const ofDevice = byKind({
  user: (row) => ofKnownDevice(`${row}.device`),
  device: (row) => `${row}.device = @me`,
})

export const variableResources = [
  owned('application_environment_variable', {
    owner: 'application', name: 'name', visibleTo: ofFleet, rules: environmentRules, told: 'application',
    alsoCalled: ['application__has__env_var_name'],
  }), // oxfmt-ignore
  owned('application_config_variable', {
    owner: 'application', name: 'name', visibleTo: ofFleet, rules: configRules, told: 'application',
    alsoCalled: ['application__has__config_var_name'],
  }), // oxfmt-ignore
  owned('build_environment_variable', {
    owner: 'application', name: 'name', visibleTo: byKind({ user: ofKnownFleet }), rules: environmentRules, told: 'nobody',
    alsoCalled: ['application__has__build_var_name'],
  }), // oxfmt-ignore
  owned('device_environment_variable', {
    owner: 'device', name: 'name', visibleTo: ofDevice, rules: environmentRules, told: 'device',
    alsoCalled: ['device__has__env_var_name'],
  }), // oxfmt-ignore
  owned('device_config_variable', {
    owner: 'device', name: 'name', visibleTo: ofDevice, rules: configRules, told: 'device',
    alsoCalled: ['device__has__config_var_name'],
  }), // oxfmt-ignore
  owned('service_environment_variable', {
    owner: 'service',
    name: 'name',
    visibleTo: byKind({
      user: (row) => serviceOf(row, '= any(array(select id from fleets_known))'),
      device: (row) => serviceOf(row, '= @fleet'),
    }),
    rules: environmentRules,
    told: 'service',
  }),
  owned('device_service_environment_variable', {
    owner: 'service_install',
    name: 'name',
    visibleTo: byKind({
      user: (row) => installOf(row, ofKnownDevice),
      device: (row) => installOf(row, (device) => `${device} = @me`),
    }),
    rules: environmentRules,
    told: 'service_install',
  }),
  owned('service_label', {
    owner: 'service', name: 'label_name', visibleTo: through('service'), rules: labelRules, told: 'service',
  }), // oxfmt-ignore
  owned('application_tag', {
    owner: 'application', name: 'tag_key', visibleTo: through('application', 'user', 'device', 'guest'),
    rules: tagRules(1000), told: 'nobody', alsoCalled: ['application__has__tag_key'],
  }), // oxfmt-ignore
  owned('device_tag', {
    owner: 'device', name: 'tag_key', visibleTo: through('device', 'user', 'device'),
    rules: tagRules(60_158), told: 'nobody', alsoCalled: ['device__has__tag_key'],
  }), // oxfmt-ignore
  owned('release_tag', {
    owner: 'release', name: 'tag_key', visibleTo: through('release'),
    rules: tagRules(1000), told: 'nobody', alsoCalled: ['release__has__tag_key'],
  }), // oxfmt-ignore
]
