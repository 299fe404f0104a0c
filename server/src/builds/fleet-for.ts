import type { Actor, User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { forbidden, notFound, unauthorized } from '../problems.ts'

export interface FleetRow {
  id: number
  slug: string
}

/**
 * The fleet that somebody names by `org/name` (or by name alone, where only one of theirs is called so). Everybody in its
 * organization may see its builds; developers and administrators may build.
 * @throws Problem 401, 403, 404
 */
export async function fleetFor(
  ctx: Context,
  asking: Actor,
  name: string,
  right: 'see' | 'build',
): Promise<{ fleet: FleetRow; user: User }> {
  if (asking.kind === 'guest') throw unauthorized()
  const rows =
    asking.kind === 'user'
      ? await ctx.db.sql<(FleetRow & { role: string })[]>`
          select a.id, a.slug, r.name as role
          from application a
          join organization_membership m on m.is_member_of__organization = a.organization and m."user" = ${asking.id}
          join organization_membership_role r on r.id = m.organization_membership_role
          where lower(a.slug) = lower(${name}) or lower(a.app_name) = lower(${name}) limit 2`
      : []
  const [row] = rows
  if (!row || asking.kind !== 'user')
    throw notFound(`cannot find fleet ${name}: it does not exist, or it is not yours to see`)
  if (rows.length > 1)
    throw notFound(`cannot tell which fleet ${name} is · name it as <organization>/${name}`)
  if (right === 'build' && !['administrator', 'developer'].includes(row.role))
    throw forbidden(
      `cannot build ${row.slug}: your role there is ${row.role} · ask an administrator to make you a developer`,
    )
  return { fleet: { id: row.id, slug: row.slug }, user: asking }
}
