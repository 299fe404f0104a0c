import type { Context } from '../context.ts'

const hour = 3600_000
const day = 24 * hour

/** Ends upload sessions that nobody has written to for a day, and frees their bytes. Safe to run twice, and at the same time. */
export async function sweepUploads(ctx: Context): Promise<void> {
  const before = new Date(ctx.now().getTime() - day)
  const swept = await ctx.db.sql<{ id: string; size: string; note: string }[]>`
    delete from blob_upload where touched_at < ${before} returning id, size, note`
  for (const { id, size, note } of swept) await ctx.blobs.abandon({ id, size: Number(size), note })
  // Files that no row knows, left by processes that died; a day later than rows, so that they are never taken from under one.
  await ctx.blobs.sweep(new Date(before.getTime() - day))
  if (swept.length > 0)
    ctx.log.info({ uploads: swept.length }, `${swept.length} unfinished uploads were a day old and are gone`)
}

/** Sweeps now and every hour until disposed. */
export function startUploadSweeps(ctx: Context): AsyncDisposable {
  const sweep = () =>
    sweepUploads(ctx).catch((error: unknown) =>
      ctx.log.warn({ err: error }, 'unfinished uploads could not be swept; trying again in an hour'),
    )
  let running = sweep()
  const timer = setInterval(() => (running = sweep()), hour)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
