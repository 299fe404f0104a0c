import type { Context } from '../context.ts'
import { endRelease } from '../releases/end-release.ts'

/** Ends a build that nobody works on any more, with its release. One that has ended stays as it is. */
export async function interruptBuild(ctx: Context, id: number, sentence: string): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    // Where the release has ended, that is the truth about the build: the platform died before its last words, or somebody
    // cancelled it while nobody was there to hear.
    const [row] = await tx.sql<{ release: number | null; application: number; status: string }[]>`
      update build b set status = ending.status, ended_at = ${ctx.now()}, source = null, source_key = null,
        error_message = case when ending.status = 'interrupted' then ${sentence} end
      from (
        select case when r.status in ('success', 'failed', 'cancelled') then r.status else 'interrupted' end as status
        from build dead left join release r on r.id = dead.release where dead.id = ${id}
      ) ending
      where b.id = ${id} and b.status in ('waiting', 'running') returning b.release, b.application, b.status`
    if (!row) return
    if (row.release !== null) {
      await tx.sql`
        update release set build_log = (select string_agg(lines, '' order by number) from build_log where build = ${id})
        where id = ${row.release} and build_log is null`
      await tx.sql`delete from build_log where build = ${id}`
      if (row.status === 'interrupted') await endRelease(ctx, tx, row.release, 'interrupted', sentence)
    }
    await tx.changed('build', { build: id, application: row.application, ended: row.status })
  })
}
