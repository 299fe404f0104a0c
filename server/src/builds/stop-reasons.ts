import type { Context } from '../context.ts'
import { Problem } from '../problems.ts'

/** Why a build stops before its end: the first reason counts. */
export interface Stop extends Disposable {
  signal: AbortSignal
  because(reason: unknown): void
}

const lookEvery = 5000 // ms; the event makes it quicker

const gone = () => new Problem(499, 'gone', 'cannot go on: the pusher is gone · the build is cancelled')
export const cancelled = () => new Problem(409, 'cancelled', 'cannot go on: the build was cancelled')
export const interrupted = () =>
  new Problem(503, 'interrupted', 'cannot go on: the platform is being stopped · push again when it is back')

export const takenOver = () =>
  new Problem(409, 'taken_over', 'cannot go on: another copy of the platform builds it now')

/** Puts together all that can stop a build: its pusher, its time limit, and anybody who cancels it, on whichever copy. */
export function stopReasons(ctx: Context, build: number, pusher: AbortSignal): Stop {
  const controller = new AbortController()
  const because = (reason: unknown) => controller.abort(reason)
  const hangUp = () => because(gone())
  if (pusher.aborted) hangUp()
  pusher.addEventListener('abort', hangUp)

  const { minutes } = ctx.config.builds
  const limit = setTimeout(() => because(tooLong(minutes)), minutes * 60_000)

  async function look(): Promise<void> {
    const [row] = await ctx.db.sql<{ copy: string; build: string; release: string | null }[]>`
      select b.copy, b.status as build, r.status as release from build b left join release r on r.id = b.release where b.id = ${build}`
    if (row?.build === 'interrupted') because(interrupted())
    else if (row && row.copy !== ctx.copy) because(takenOver())
    else if (!row || row.build === 'cancelled' || row.release === 'cancelled') because(cancelled())
    else if (row.release && !['running', 'success'].includes(row.release))
      because(endedElsewhere(row.release))
  }
  const lookSoon = () => void look().catch(() => {}) // it looks again
  const timer = setInterval(lookSoon, lookEvery)
  const off = ctx.events.on('build', (event) => {
    if (event['status'] !== undefined) lookSoon() // a release ended badly, perhaps ours
  })
  return {
    signal: controller.signal,
    because,
    [Symbol.dispose]() {
      clearTimeout(limit)
      clearInterval(timer)
      off()
      pusher.removeEventListener('abort', hangUp)
    },
  }
}

const endedElsewhere = (status: string) =>
  new Problem(409, 'ended', `cannot go on: the release was marked as ${status} meanwhile`)
const tooLong = (minutes: number) =>
  new Problem(
    400,
    'too_long',
    `cannot go on: the build takes longer than ${minutes} minutes · make it shorter, or raise COPAL_BUILD_MINUTES`,
  )
