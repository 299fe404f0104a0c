// Every resource of the v7 API on one page.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { accountResources } from './accounts/resource.ts'
import { applicationResources } from './applications/resource.ts'
import type { Actor } from './auth/actor.ts'
import { scopeOf } from './auth/can.ts'
import { whoAsks } from './auth/who.ts'
import type { Context } from './context.ts'
import { deviceTypeResources } from './device-types/resource.ts'
import { deviceResources } from './devices/resource.ts'
import { asInV6 } from './devices/v6.ts'
import { boolean, date, empty, json, model, one, text } from './kit/odata/resource.ts'
import { odataRoutes } from './kit/odata/routes.ts'
import { releaseResources } from './releases/resource.ts'
import { variableResources } from './variables/resource.ts'

// Of the vocabulary that clients know, without rows here: they are asked for and linked to, and nothing is found.
const empties = [
  empty('application__can_use__application_as_host', {
    links: { application: one('application'), can_use__application_as_host: one('application') },
  }),
  empty('application_membership_role', { fields: { name: text }, keys: [['name']] }),
  empty('credit_bundle', { links: { belongs_to__organization: one('organization') } }),
  empty('device_family', { fields: { slug: text, name: text } }),
  empty('device_history', {
    fields: {
      created_at: date,
      end_timestamp: date,
      uuid: text,
      is_online: boolean,
      os_version: text,
      supervisor_version: text,
    },
    links: { device: one('device'), belongs_to__application: one('application') },
  }),
  empty('invitee', { fields: { email: text } }),
  empty('invitee__is_invited_to__application', {
    alsoCalled: ['application_invite'],
    fields: { created_at: date, message: text },
    links: { invitee: one('invitee'), is_invited_to__application: one('application') },
  }),
  empty('invitee__is_invited_to__organization', {
    alsoCalled: ['organization_invite'],
    fields: { created_at: date, message: text },
    links: { invitee: one('invitee'), is_invited_to__organization: one('organization') },
  }),
  empty('plan', { fields: { title: text } }),
  empty('release_asset', {
    fields: { created_at: date, asset_key: text, asset: json },
    links: { release: one('release') },
    keys: [['release', 'asset_key']],
  }),
  empty('service_instance', { fields: { ip_address: text } }),
  empty('subscription', { links: { is_for__organization: one('organization') } }),
  empty('team', {
    fields: { created_at: date, name: text },
    links: { belongs_to__organization: one('organization') },
  }),
  empty('team_application_access', {
    links: { team: one('team'), grants_access_to__application: one('application') },
  }),
  empty('team_membership', { links: { user: one('user'), is_member_of__team: one('team') } }),
  empty('user_application_membership', {
    alsoCalled: ['user__is_member_of__application'],
    links: {
      user: one('user'),
      is_member_of__application: one('application'),
      application_membership_role: one('application_membership_role'),
    },
  }),
  empty('user_profile', { links: { user: one('user') } }),
]

export const resources = [
  ...accountResources,
  ...deviceTypeResources,
  ...applicationResources,
  ...releaseResources,
  ...deviceResources,
  ...variableResources,
  ...empties,
]

/** The v7 API: every resource under `/v7/`; and under `/v6/` what the OS's own scripts still call there. */
export function apiRoutes(app: FastifyInstance, ctx: Context): void {
  const door = {
    db: ctx.db,
    log: ctx.log,
    ctx,
    who: (request: FastifyRequest) => whoAsks(ctx, request),
    scopeOf: (asking: Actor) => scopeOf(ctx, asking),
  }
  odataRoutes(app, { ...door, prefix: '/v7', model: model(resources) })
  odataRoutes(app, { ...door, prefix: '/v6', model: model(asInV6(resources)) })
}
