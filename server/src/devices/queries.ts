// Reads that several verbs of devices share.
import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Query, Tx } from '../kit/db/db.ts'

type Sql = Query | Tx['sql']

/** Copies whose lease lives; the rows of others don't count. */
export const livingCopies = (sql: Sql) => (sql as Tx['sql'])`(select id from copy where lease_until > now())`

/**
 * The device if the caller may do this to it: itself, its fleet's provisioning key (to see), members of its organization
 * (observers only to see). Undefined otherwise, as for a device that does not exist.
 */
export async function deviceFor(
  ctx: Context,
  asking: Actor,
  device: { id: number } | { uuid: string },
  may: 'see' | 'see secrets' | 'write',
): Promise<{ id: number; uuid: string; application: number | null } | undefined> {
  const { sql } = ctx.db
  const [row] = await sql<{ id: number; uuid: string; application: number | null; role: string | null }[]>`
    select d.id, d.uuid, d.belongs_to__application as application, r.name as role
    from device d
    left join application a on a.id = d.belongs_to__application
    left join organization_membership m on m.is_member_of__organization = a.organization
      and m."user" = ${asking.kind === 'user' ? asking.id : null}
    left join organization_membership_role r on r.id = m.organization_membership_role
    where ${'id' in device ? sql`d.id = ${device.id}` : sql`d.uuid = ${device.uuid}`}`
  if (!row) return undefined
  const { role, ...found } = row
  switch (asking.kind) {
    case 'guest':
      return undefined
    case 'device':
      return asking.id === found.id ? found : undefined
    case 'application':
      return may === 'see' && asking.id === found.application ? found : undefined
    case 'user':
      return role && (may === 'see' || role !== 'observer') ? found : undefined
  }
}

/** Whether a device of this architecture can run what is built for that one; the rule that clients know. */
export function runsOn(device: string, fleet: string): boolean {
  if (device === fleet) return true
  if (device === 'aarch64') return fleet === 'armv7hf' || fleet === 'rpi'
  return device === 'armv7hf' && fleet === 'rpi'
}

/**
 * The release of our own supervisor that reports this version, where the platform has one for this architecture. Versions
 * below 20 are not ours: such devices keep what they have unless a person decides otherwise.
 */
export const supervisorRelease = (sql: Sql, architecture: unknown, version: unknown) => (sql as Tx['sql'])`(
    select r.id from application a join release r on r.belongs_to__application = a.id
    where a.slug = 'balena_os/' || ${architecture as never} || '-supervisor' and r.semver = ${version as never}
      and r.status = 'success' and r.revision is not null and not r.is_invalidated
    order by r.revision desc limit 1)`

export const isOurSupervisor = (version: string | null | undefined): version is string =>
  Number(/^(\d+)\.\d+\.\d+/.exec(version ?? '')?.[1] ?? 0) >= 20
