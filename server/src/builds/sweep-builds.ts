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
    const [row] = await tx.sql<{ release: number | null; application: number }[]>`
      update build set status = 'interrupted', error_message = ${sentence}, ended_at = ${ctx.now()}
      where id = ${id} and status in ('waiting', 'running') returning release, application`
    if (!row) return
    if (row.release !== null) {
      await tx.sql`
        update release set build_log = (select string_agg(lines, '' order by number) from build_log where build = ${id})
        where id = ${row.release} and status = 'running'`
      await tx.sql`delete from build_log where build = ${id}`
      await endRelease(ctx, tx, row.release, 'interrupted', sentence)
    }
    await tx.changed('build', { build: id, application: row.application, ended: 'interrupted' })
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
