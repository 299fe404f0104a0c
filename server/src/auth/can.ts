// Who may do what. One small table of rights by role; everything else here turns it into SQL.
import type { Context } from '../context.ts'
import type { Query, Tx } from '../kit/db/db.ts'
import type { Scope } from '../kit/odata/resource.ts'
import { unauthorized } from '../problems.ts'
import type { Actor, User } from './actor.ts'

/**
 * `see`: fleets and all that is theirs, but no secrets. `know`: variables and keys as well. `change`: releases, devices,
 * variables, tags, pins. `found`: make and delete fleets. `manage`: the organization and its members.
 */
export type Right = 'see' | 'know' | 'change' | 'found' | 'manage'

export const rights: Record<string, Right[]> = {
  administrator: ['see', 'know', 'change', 'found', 'manage'],
  developer: ['see', 'know', 'change', 'found'],
  operator: ['see', 'know', 'change'],
  observer: ['see'],
}

const rolesWith = (right: Right) =>
  Object.keys(rights)
    .filter((role) => rights[role]!.includes(right))
    .map((role) => `'${role}'`)
    .join(', ')

const memberships = (right: Right) =>
  `from organization_membership m join organization_membership_role r on r.id = m.organization_membership_role
   where m."user" = @me and r.name in (${rolesWith(right)})`
const organizations = (right: Right) => `select m.is_member_of__organization as id ${memberships(right)}`
const fleets = (right: Right) =>
  `select f.id from application f where f.organization in (select m.is_member_of__organization ${memberships(right)})`
const none = 'select null::integer as id where false'

/**
 * Sets of ids that what is visible speaks of: `= any(array(select id from fleets_seen))`. As an array and not by `in`, so that
 * it is a filter on an index that has the rows in the wanted order; a join would read and sort them all.
 */
const nothing = {
  fleets_seen: none,
  fleets_known: none,
  fleets_changed: none,
  fleets_founded: none,
  organizations_seen: none,
  organizations_managed: none,
}
const setsOf: Record<Actor['kind'], Record<string, string>> = {
  user: {
    fleets_seen: fleets('see'),
    fleets_known: fleets('know'),
    fleets_changed: fleets('change'),
    fleets_founded: fleets('found'),
    organizations_seen: organizations('see'),
    organizations_managed: organizations('manage'),
  },
  application: { ...nothing, fleets_seen: 'select @me as id' },
  device: { ...nothing, fleets_seen: 'select @fleet as id' },
  guest: nothing,
}

/** The asker as SQL of the v7 API sees them: `@me` (the user, application or device), `@actor`, `@fleet`, `@registry`. */
export function scopeOf(ctx: Context, asking: Actor): Scope {
  return {
    kind: asking.kind,
    sets: setsOf[asking.kind],
    values: {
      me: asking.kind === 'guest' ? null : asking.id,
      actor: asking.kind === 'guest' ? null : asking.actor,
      fleet: asking.kind === 'device' ? asking.application : null,
      registry: ctx.config.registryHost,
    },
  }
}

/** Whether a user has a right in an organization, or in that of a fleet. */
export async function may(
  sql: Query | Tx['sql'],
  asking: Pick<User, 'kind' | 'id'> | Exclude<Actor, User>,
  right: Right,
  where: { organization: number } | { application: number },
): Promise<boolean> {
  if (asking.kind !== 'user') return false
  const roles = Object.keys(rights).filter((role) => rights[role]!.includes(right))
  const run = sql as Tx['sql']
  const [found] = await run`
    select 1 from organization_membership m join organization_membership_role r on r.id = m.organization_membership_role
    where m."user" = ${asking.id} and r.name = any(${roles}) and m.is_member_of__organization = ${
      'organization' in where
        ? where.organization
        : run`(select organization from application where id = ${where.application})`
    }`
  return found !== undefined
}

/** @throws Problem 401 with the sentence `cannot <deed>: unauthorized …` */
export async function mustMay(
  sql: Query | Tx['sql'],
  asking: Actor,
  right: Right,
  where: { organization: number } | { application: number },
  deed: string,
): Promise<void> {
  if (!(await may(sql, asking, right, where)))
    throw unauthorized(`cannot ${deed}: unauthorized · your role in the organization does not allow it`)
}
