import type { Context } from '../context.ts'
import type { Blob } from '../kit/blobs/blobs.ts'

const blobsAtOnce = 1000

/**
 * Deletes the rows of blobs that no manifest needs and that nobody has mentioned since `before`; yields each batch when it
 * is done. The bytes are the caller's to remove, afterwards: a process that dies in between leaves bytes without a row, which
 * another sweep finds, and never a row without bytes. Walks all blobs, in pages.
 */
export async function* collectBlobRows(
  ctx: Context,
  before: Date,
  signal?: AbortSignal,
): AsyncGenerator<Blob[]> {
  for (let last = ''; !signal?.aborted;) {
    const [page] = await ctx.db.sql<{ last: string | null; unneeded: string[] | null }[]>`
      with page as (select digest, touched_at from registry_blob where digest > ${last} order by digest limit ${blobsAtOnce})
      select max(digest) as last, array_agg(digest) filter (where touched_at < ${before} and not exists (
        select from manifest_reference mr where mr.digest = page.digest and mr.kind in ('config', 'layer'))) as unneeded
      from page`
    if (page?.last == null) break
    last = page.last
    if (page.unneeded) yield await deleteRows(ctx, page.unneeded, before)
  }
}

/** Locks first and looks again then: a manifest that needs one of them either holds the row, or finds it gone. */
async function deleteRows(ctx: Context, digests: string[], before: Date): Promise<Blob[]> {
  return ctx.db.transaction(async ({ sql }) => {
    const locked = await sql<{ digest: string }[]>`
      select digest from registry_blob where digest = any(${digests}) and touched_at < ${before}
      order by digest for update skip locked`
    const gone = await sql<{ digest: string; size: string }[]>`
      delete from registry_blob b where b.digest = any(${locked.map(({ digest }) => digest)}) and not exists (
        select from manifest_reference mr where mr.digest = b.digest and mr.kind in ('config', 'layer'))
      returning b.digest, b.size`
    return gone.map(({ digest, size }) => ({ digest, size: Number(size) }))
  })
}
