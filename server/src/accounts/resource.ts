import {
  atCreation,
  boolean,
  byKind,
  computed,
  date,
  everybody,
  mandatory,
  many,
  nullable,
  one,
  readOnly,
  resource,
  shownAs,
  text,
  through,
} from '../kit/odata/resource.ts'
import { removeOrganization } from '../applications/remove-organization.ts'
import { updateOrganization } from '../applications/update-organization.ts'
import { createOrganization } from './create-organization.ts'
import { changeMemberships, createMembership, removeMemberships } from './memberships.ts'
import { createPublicKey, removePublicKeys, updatePublicKeys } from './public-keys.ts'
import { removeKeys, updateKeys } from './api-keys.ts'

/** A user's own; whose secrets one may know; and what an application or device itself is. */
const knownActors = (actor: string) =>
  `${actor} = @actor
   or exists (select 1 from application f where f.actor = ${actor} and f.id = any(array(select id from fleets_known)))
   or exists (select 1 from device g where g.actor = ${actor} and g.belongs_to__application = any(array(select id from fleets_known)))`

export const accountResources = [
  resource('actor', {
    fields: {},
    links: {
      is_of__user: many('user', 'actor'),
      is_of__application: many('application', 'actor'),
      is_of__device: many('device', 'actor'),
      api_key: many('api_key', 'is_of__actor'),
    },
    visibleTo: byKind({
      user: (row) => knownActors(`${row}.id`),
      application: (row) => `${row}.id = @actor`,
      device: (row) => `${row}.id = @actor`,
    }),
  }),

  resource('user', {
    fields: { username: readOnly(text), created_at: readOnly(date) },
    links: {
      actor: readOnly(one('actor')),
      has_legacy_link_to__organization: computed(
        nullable(one('organization')),
        (row) => `select o.id from organization o where o.handle = ${row}.username`,
      ),
      organization_membership: many('organization_membership', 'user'),
      user__is_member_of__organization: many('organization_membership', 'user'),
      user__has__public_key: many('user__has__public_key', 'user'),
      user_public_key: many('user__has__public_key', 'user'),
      creates__release: many('release', 'is_created_by__user'),
      user_application_membership: many('user_application_membership', 'user'),
    },
    keys: [['username']],
    visibleTo: byKind({
      user: (row) =>
        `${row}.id = @me or exists (select 1 from organization_membership n where n."user" = ${row}.id
           and n.is_member_of__organization = any(array(select id from organizations_seen)))`,
    }),
  }),

  resource('organization', {
    fields: {
      created_at: readOnly(date),
      name: mandatory(text),
      handle: text,
      company_name: computed(nullable(text), () => 'null::text'),
      website: computed(nullable(text), () => 'null::text'),
      industry: computed(nullable(text), () => 'null::text'),
      billing_account_code: computed(nullable(text), () => 'null::text'),
      is_frozen: computed(boolean, () => 'false'),
    },
    links: {
      application: many('application', 'organization'),
      organization_membership: many('organization_membership', 'is_member_of__organization'),
      user__is_member_of__organization: many('organization_membership', 'is_member_of__organization'),
      includes__user: many('organization_membership', 'is_member_of__organization'),
      owns__team: many('team', 'belongs_to__organization'),
      organization_invite: many('invitee__is_invited_to__organization', 'is_invited_to__organization'),
      owns__credit_bundle: many('credit_bundle', 'belongs_to__organization'),
    },
    keys: [['handle']],
    visibleTo: byKind({ user: (row) => `${row}.id = any(array(select id from organizations_seen))` }),
    changeableBy: byKind({ user: (row) => `${row}.id = any(array(select id from organizations_managed))` }),
    create: createOrganization,
    update: updateOrganization,
    remove: removeOrganization,
  }),

  resource('organization_membership_role', {
    fields: { name: readOnly(text) },
    links: { organization_membership: many('organization_membership', 'organization_membership_role') },
    keys: [['name']],
    visibleTo: everybody,
  }),

  resource('organization_membership', {
    alsoCalled: ['user__is_member_of__organization'],
    fields: {
      created_at: readOnly(date),
      /** Takes the place of `user` when a member is added. */
      username: shownAs(
        atCreation(text),
        (row) => `select n.username from "user" n where n.id = ${row}."user"`,
      ),
      effective_seat_role: computed(
        text,
        (row) =>
          `select n.name from organization_membership_role n where n.id = ${row}.organization_membership_role`,
      ),
    },
    links: {
      user: atCreation(one('user')),
      is_member_of__organization: mandatory(atCreation(one('organization'))),
      organization_membership_role: one('organization_membership_role'),
    },
    keys: [['user', 'is_member_of__organization']],
    visibleTo: through('is_member_of__organization', 'user'),
    changeableBy: through('is_member_of__organization', 'user'),
    // Anybody may leave.
    removableBy: byKind({
      user: (row) =>
        `${row}."user" = @me or ${row}.is_member_of__organization = any(array(select id from organizations_managed))`,
    }),
    create: createMembership,
    update: changeMemberships,
    remove: removeMemberships,
  }),

  resource('api_key', {
    fields: {
      created_at: readOnly(date),
      name: nullable(text),
      description: nullable(text),
      expiry_date: nullable(date),
    },
    links: { is_of__actor: readOnly(one('actor')) },
    visibleTo: byKind({
      user: (row) => knownActors(`${row}.is_of__actor`),
      device: (row) => `${row}.is_of__actor = @actor`,
    }),
    changeableBy: byKind({
      user: (row) =>
        `${row}.is_of__actor = @actor
         or exists (select 1 from application f where f.actor = ${row}.is_of__actor and f.id = any(array(select id from fleets_changed)))
         or exists (select 1 from device g where g.actor = ${row}.is_of__actor
           and g.belongs_to__application = any(array(select id from fleets_changed)))`,
    }),
    update: updateKeys,
    remove: removeKeys,
  }),

  resource('user__has__public_key', {
    alsoCalled: ['user_public_key'],
    fields: { created_at: readOnly(date), title: mandatory(text), public_key: mandatory(text) },
    links: { user: atCreation(one('user')) },
    visibleTo: byKind({ user: (row) => `${row}."user" = @me` }),
    changeableBy: byKind({ user: (row) => `${row}."user" = @me` }),
    create: createPublicKey,
    update: updatePublicKeys,
    remove: removePublicKeys,
  }),
]
