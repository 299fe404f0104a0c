import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'

/** Removes organizations that have no fleets left: devices are not lost by a slip. */
export async function removeOrganization(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    await tx.sql`select 1 from organization where id = any(${ids}) order by id for update`
    const [full] = await tx.sql<{ handle: string; count: number }[]>`
      select o.handle, count(*)::integer as count from organization o join application a on a.organization = o.id
      where o.id = any(${ids}) group by o.id order by o.id limit 1`
    if (full)
      throw badRequest(
        `cannot remove organization ${full.handle}: it has ${full.count} fleet${full.count === 1 ? '' : 's'} · remove or move them first`,
      )
    await tx.sql`delete from organization where id = any(${ids})`
    await tx.changed('credentials', { organizations: ids.length })
  })
}
