import type { Context } from '../context.ts'
import type { Blob } from '../kit/blobs/blobs.ts'
import { removeBytes, unnamed } from './remove-bytes.ts'

const blobsAtOnce = 500

/**
 * Removes bytes that no row names and that are older than `before`: packs of fleets that were removed, and what processes
 * left behind that died between a row and its bytes. Walks the whole store, in batches; yields what went.
 */
export async function* sweepStore(ctx: Context, before: Date, signal?: AbortSignal): AsyncGenerator<Blob> {
  const batch = new Map<string, Blob>()
  async function* sweepBatch(): AsyncGenerator<Blob> {
    for (const digest of await unnamed(ctx.db.sql, [...batch.keys()]))
      if (await removeBytes(ctx, digest, before)) yield batch.get(digest)!
    batch.clear()
  }
  for await (const { digest, size, putAt } of ctx.blobs.list()) {
    if (signal?.aborted) return
    if (putAt >= before) continue
    batch.set(digest, { digest, size })
    if (batch.size >= blobsAtOnce) yield* sweepBatch()
  }
  yield* sweepBatch()
}
