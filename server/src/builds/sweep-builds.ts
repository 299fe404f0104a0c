import type { Context } from '../context.ts'
import { endRelease } from '../releases/end-release.ts'

const every = 10_000 // ms
const sentence = 'the platform stopped while it was built · push again'

/** Ends what nobody works on any more, at the start and then every ten seconds: no release is left running for ever. */
export async function keepSwept(ctx: Context): Promise<AsyncDisposable> {
  await sweepBuilds(ctx)
  let sweeping: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    sweeping = sweepBuilds(ctx).catch((error: unknown) =>
      ctx.log.warn({ err: error }, 'dead builds could not be swept; trying again'),
    )
  }, every)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await sweeping
    },
  }
}

/** Builds of copies whose lease has run out are interrupted, with their releases. @returns how many there were */
export async function sweepBuilds(ctx: Context): Promise<number> {
  const dead = await ctx.db.sql<{ id: number }[]>`
    select b.id from build b left join copy c on c.id = b.copy and c.lease_until > now()
    where b.status in ('waiting', 'running') and c.id is null`
  for (const { id } of dead) await interruptBuild(ctx, id)
  await endAbandonedUploads(ctx)
  await ctx.db.sql`delete from build where ended_at < ${ctx.now()}::timestamptz - interval '90 days'`
  return dead.length
}

async function interruptBuild(ctx: Context, id: number): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    // The platform may have died between the release's success and the last words: then it is the truth that the build went well.
    const [row] = await tx.sql<{ release: number | null; application: number; status: string }[]>`
      update build b set status = ending.status, ended_at = ${ctx.now()},
        error_message = case when ending.status = 'interrupted' then ${sentence} end
      from (
        select case when r.status = 'success' then 'success' else 'interrupted' end as status
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

/** A client that builds by itself has a day to say how it ended. */
async function endAbandonedUploads(ctx: Context): Promise<void> {
  const abandoned = await ctx.db.sql<{ id: number }[]>`
    select id from release r where status = 'running' and update_timestamp < ${ctx.now()}::timestamptz - interval '1 day'
      and not exists (select 1 from build b where b.release = r.id and b.status in ('waiting', 'running'))`
  for (const { id } of abandoned)
    await ctx.db.transaction((tx) =>
      endRelease(ctx, tx, id, 'interrupted', 'its client was not heard of for a day'),
    )
}
