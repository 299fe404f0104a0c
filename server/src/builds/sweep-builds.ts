import type { Context } from '../context.ts'
import { endRelease } from '../releases/end-release.ts'
import { buildAgain } from './detached.ts'
import { interruptBuild } from './interrupt-build.ts'
import { takeOverBuilds } from './take-over.ts'

const every = 10_000 // ms
const stopped = 'the platform stopped while it was built · push again'

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

/**
 * Builds of copies whose lease has run out start again here, if they can do without a pusher, or are interrupted, with their
 * releases. @returns how many there were
 */
export async function sweepBuilds(ctx: Context): Promise<number> {
  const mine = await takeOverBuilds(ctx)
  for (const build of mine) void buildAgain(ctx, build)
  // Ours are not dead, even when this copy could not renew its lease.
  const dead = await ctx.db.sql<{ id: number }[]>`
    select b.id from build b left join copy c on c.id = b.copy and c.lease_until > now()
    where b.status in ('waiting', 'running') and c.id is null and b.copy <> ${ctx.copy}`
  for (const { id } of dead) await interruptBuild(ctx, id, stopped)
  await endAbandonedUploads(ctx)
  await ctx.db.sql`delete from build where ended_at < ${ctx.now()}::timestamptz - interval '90 days'`
  return mine.length + dead.length
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
