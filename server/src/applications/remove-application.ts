import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'

/**
 * Removes fleets with releases, services, variables, tags, devices and provisioning keys. Keys of devices stay without an
 * owner: they open nothing any more, and tell a removed device from a stranger.
 */
export async function removeApplications(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const gone = await tx.sql<{ id: number; actor: number }[]>`
      delete from application where id = any(${ids}) returning id, actor`
    await tx.sql`delete from actor where id = any(${gone.map(({ actor }) => actor)})`
    await tx.changed('credentials', { applications: gone.length })
    for (const { id } of gone) await tx.changed('target', { application: id })
  })
}
