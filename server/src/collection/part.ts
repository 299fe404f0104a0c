import type { Context } from '../context.ts'
import { collectRubbish } from './collect-rubbish.ts'

const minute = 60_000
const hour = 60 * minute
const between = 6 // hours

/** Part of the server: every six hours one of the copies collects rubbish, first some minutes after the start. */
export function keepCollecting(ctx: Context): AsyncDisposable {
  const stop = new AbortController()
  let running = Promise.resolve()
  const look = () => {
    running = running
      .then(() => collectInTurn(ctx, stop.signal))
      .catch((error: unknown) =>
        ctx.log.warn({ err: error }, 'rubbish could not be collected; trying again in six hours'),
      )
  }
  const first = setTimeout(look, 10 * minute)
  const timer = setInterval(look, hour)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      clearTimeout(first)
      clearInterval(timer)
      await running
    },
  }
}

/** Collects if it is time and no other copy does. */
export async function collectInTurn(ctx: Context, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted || !(await takeTurn(ctx))) return
  const { releases, manifests, repositories, blobs, bytes } = await collectRubbish(ctx, signal)
  if (releases + manifests + repositories + blobs === 0) return
  ctx.log.info(
    { releases, manifests, repositories, blobs, bytes },
    `rubbish was collected: ${(bytes / 1e6).toFixed(1)} MB in ${blobs} blobs are free; ${releases} releases let go of their images`,
  )
}

/** A copy that dies while it collects costs no more than the time to the next turn. */
async function takeTurn(ctx: Context): Promise<boolean> {
  const now = ctx.now()
  const [mine] = await ctx.db.sql`
    insert into collection (began_at) values (${now})
    on conflict (id) do update set began_at = excluded.began_at
    where collection.began_at <= ${new Date(now.getTime() - between * hour)} returning 1`
  return mine !== undefined
}
