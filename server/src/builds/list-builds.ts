import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { forbidden, notFound, unauthorized } from '../problems.ts'
import type { Phases } from './queue.ts'

/** A build as clients read it. */
export interface BuildRow {
  id: number
  fleet: string
  status: 'waiting' | 'running' | 'success' | 'failed' | 'cancelled' | 'interrupted'
  commit: string
  /** Id; null until the project was read. */
  release: number | null
  user: string | null
  error_message: string | null
  phases: Phases
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
}

/** Builds of fleets that the user may see, the newest first. */
export async function listBuilds(
  ctx: Context,
  asking: Actor,
  wish: { fleet?: number | undefined; limit: number },
): Promise<BuildRow[]> {
  if (asking.kind !== 'user') throw unauthorized()
  const { sql } = ctx.db
  return sql<BuildRow[]>`
    select ${fields(ctx)} from build b join application a on a.id = b.application
    left join "user" u on u.id = b."user"
    where exists (select 1 from organization_membership m where m."user" = ${asking.id} and m.is_member_of__organization = a.organization)
      ${wish.fleet === undefined ? sql`` : sql`and a.id = ${wish.fleet}`}
    order by b.id desc limit ${wish.limit}`
}

/** @throws Problem 404 when it is not theirs to see, 403 when they may see but not cancel it */
export async function visibleBuild(
  ctx: Context,
  asking: Actor,
  id: number,
  right: 'see' | 'cancel',
): Promise<BuildRow> {
  if (asking.kind !== 'user') throw unauthorized()
  const [row] = await ctx.db.sql<(BuildRow & { role: string })[]>`
    select ${fields(ctx)}, r.name as role from build b join application a on a.id = b.application
    join organization_membership m on m."user" = ${asking.id} and m.is_member_of__organization = a.organization
    join organization_membership_role r on r.id = m.organization_membership_role
    left join "user" u on u.id = b."user" where b.id = ${id}`
  if (!row) throw notFound(`cannot find build ${id}`)
  const { role, ...build } = row
  if (right === 'cancel' && !['administrator', 'developer'].includes(role))
    throw forbidden(`cannot cancel build ${id}: your role in ${build.fleet} is ${role}`)
  return build
}

const fields = ({ db: { sql } }: Context) => sql`
  b.id, a.slug as fleet, b.status, b.commit, b.release, u.username as "user", b.error_message, b.phases,
  b.created_at, b.started_at, b.ended_at`
