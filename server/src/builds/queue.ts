// Builds as rows: who waits, who runs, on which copy. A row counts only while its copy's lease lives.
import type { Context } from '../context.ts'
import type { Query, Tx } from '../kit/db/db.ts'
import { cancelled, takenOver } from './stop-reasons.ts'

export type BuildEnd = 'success' | 'failed' | 'cancelled' | 'interrupted'

/** Milliseconds by phase of a build, in order. */
export type Phases = Record<string, number>

/** A build whose copy dies this often is most likely why. */
export const mostTries = 3

/** What it takes to start a build again, on whichever copy. */
export interface KeptBuild {
  /** The digest of its source, an encrypted blob, and its sealed key. */
  source: string
  sourceKey: Buffer
  /** See detached.ts. */
  wish: unknown
}

const askAgainEvery = 2000 // ms; events make it quicker

/** A row for a build that begins on this copy; it waits for its turn. */
export async function openBuild(
  ctx: Context,
  build: {
    application: number
    user: number | undefined
    commit: string
    /** Of a build that starts again when this copy dies. */
    kept?: KeptBuild | undefined
  },
): Promise<number> {
  const { sql } = ctx.db
  const { source, sourceKey, wish } = build.kept ?? { source: null, sourceKey: null, wish: null }
  const [row] = await sql<{ id: number }[]>`
    insert into build (application, "user", copy, commit, status, created_at, source, source_key, wish)
    values (${build.application}, ${build.user ?? null}, ${ctx.copy}, ${build.commit}, 'waiting', ${ctx.now()}, ${source}, ${sourceKey},
      ${wish === null ? null : sql.json(wish as never)}) returning id`
  return row!.id
}

/** @throws Problem when another copy has taken the build over, since this one had not been heard of */
export async function isOurs(ctx: Context, { sql }: Tx, build: number): Promise<void> {
  const [row] = await sql`select 1 from build where id = ${build} and copy = ${ctx.copy} for update`
  if (!row) throw takenOver()
}

/**
 * Waits until one of the places for builds is free; first come, first served.
 * @param waiting hears how many builds come before, at first and whenever that changes
 */
export async function waitForTurn(
  ctx: Context,
  build: number,
  { signal, waiting }: { signal: AbortSignal; waiting(ahead: number): void },
): Promise<void> {
  let told = 0
  for (;;) {
    signal.throwIfAborted()
    const woken = nextEnd(ctx, signal) // before we look, so that no end is missed
    try {
      const ahead = await takePlace(ctx, build)
      if (ahead === 0) return
      if (ahead !== told) waiting(ahead)
      told = ahead
      await woken.promise
    } finally {
      woken.stop()
    }
  }
}

/** @returns how many builds must end or begin before this one may run; 0: it runs now */
async function takePlace(ctx: Context, build: number): Promise<number> {
  return ctx.db.transaction(async ({ sql }) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('places for builds', 0))`
    const alive = await aliveBuilds(sql)
    const ahead = alive.filter(
      (other) => other.id !== build && (other.id < build || other.status === 'running'),
    )
    if (ahead.length >= ctx.config.builds.atOnce) return ahead.length
    const [row] = await sql`
      update build set status = 'running', started_at = ${ctx.now()} where id = ${build} and status = 'waiting' and copy = ${ctx.copy} returning id`
    if (!row) throw cancelled()
    return 0
  })
}

/** Builds that wait or run on copies that are alive. */
function aliveBuilds(sql: Query) {
  return (sql as Context['db']['sql'])<{ id: number; status: 'waiting' | 'running' }[]>`
    select b.id, b.status from build b join copy c on c.id = b.copy and c.lease_until > now()
    where b.status in ('waiting', 'running') order by b.id`
}

function nextEnd(ctx: Context, signal: AbortSignal): { promise: Promise<void>; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, askAgainEvery)
  const off = ctx.events.on('build', () => resolve())
  const aborted = () => resolve()
  signal.addEventListener('abort', aborted)
  return {
    promise,
    stop() {
      clearTimeout(timer)
      off()
      signal.removeEventListener('abort', aborted)
    },
  }
}

/** The build is over: its log goes to its release, its place to the next. Does nothing when it ended before, or is another copy's. */
export async function closeBuild(
  ctx: Context,
  build: number,
  end: { status: BuildEnd; sentence?: string; phases: Phases; log: string },
): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const [row] = await tx.sql<{ release: number | null; application: number }[]>`
      update build set status = ${end.status}, error_message = ${end.sentence ?? null}, phases = ${tx.sql.json(end.phases)},
        ended_at = ${ctx.now()}, source = null, source_key = null
      where id = ${build} and copy = ${ctx.copy} and status in ('waiting', 'running') returning release, application`
    if (!row) return
    if (row.release !== null) {
      await tx.sql`update release set build_log = ${end.log} where id = ${row.release}`
      await tx.sql`delete from build_log where build = ${build}`
    }
    await tx.changed('build', { build, application: row.application, ended: end.status })
  })
}
