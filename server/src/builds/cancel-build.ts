import type { Context } from '../context.ts'
import { endRelease } from '../releases/end-release.ts'

/** Wants no more of it. The copy that runs the build hears of it and stops; a build that ended stays as it is. */
export async function cancelBuild(ctx: Context, build: number): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const [row] = await tx.sql<{ release: number | null }[]>`
      select release from build where id = ${build} and status in ('waiting', 'running')`
    if (!row) return
    if (row.release !== null) await endRelease(ctx, tx, row.release, 'cancelled', 'cancelled')
    else {
      await tx.sql`update build set status = 'cancelled', error_message = 'cancelled', ended_at = ${ctx.now()}, source = null, source_key = null where id = ${build}`
      await tx.changed('build', { build, status: 'cancelled' })
    }
  })
}
