import type { Actor, User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { forbidden, notFound, unauthorized } from '../problems.ts'
import type { Fleet } from './repository.ts'

/** Whoever may read a fleet may fetch its source; developers and administrators of its organization may push. */
export async function fleetFor(
  ctx: Context,
  asking: Actor,
  slug: string,
  right: 'fetch' | 'push',
): Promise<{ fleet: Fleet; user: User }> {
  if (asking.kind === 'guest')
    throw unauthorized('cannot tell who is asking · use an API key or a session token as the password')
  const [row] =
    asking.kind === 'user'
      ? await ctx.db.sql<(Fleet & { role: string })[]>`
          select a.id, a.uuid, a.slug, r.name as role
          from application a
          join organization_membership m on m.is_member_of__organization = a.organization and m."user" = ${asking.id}
          join organization_membership_role r on r.id = m.organization_membership_role
          where lower(a.slug) = lower(${slug})`
      : []
  if (!row || asking.kind !== 'user')
    throw notFound(`cannot find fleet ${slug}: it does not exist, or it is not yours to see`)
  if (right === 'push' && !['administrator', 'developer'].includes(row.role))
    throw forbidden(
      `cannot push to ${row.slug}: you are an ${row.role} there · ask an administrator to make you a developer`,
    )
  const { role: _, ...fleet } = row
  return { fleet, user: asking }
}
