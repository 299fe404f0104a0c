// Blobs in repositories: rows say what should be there, the store has the last word. One that is missing or cut short in the
// store counts as absent, so that clients send it again, and it is whole again.
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { holdRepository } from './repositories.ts'

/** Bytes of a blob that can be read in this repository; undefined when there is none. */
export async function findBlob(
  ctx: Context,
  repository: string,
  digest: string,
): Promise<number | undefined> {
  const [row] = await ctx.db.sql<{ size: string }[]>`
    select b.size from repository r
    join repository_blob rb on rb.repository = r.id join registry_blob b on b.digest = rb.digest
    where r.name = ${repository} and b.digest = ${digest}`
  return row && (await whole(ctx, digest, Number(row.size)))
}

/**
 * Makes a blob readable in `repository` that is whole in one of the repositories `from`. Returns its bytes; undefined when
 * it cannot be done, for whatever reason.
 */
export async function linkBlob(
  ctx: Context,
  repository: string,
  digest: string,
  from: string[],
): Promise<number | undefined> {
  const { sql } = ctx.db
  const [row] = await sql<{ size: string }[]>`
    select b.size from registry_blob b where b.digest = ${digest} and exists (
      select 1 from repository_blob rb join repository r on r.id = rb.repository
      where rb.digest = b.digest and r.name = any(${from}))`
  if (!row) return undefined
  await touchBlobs(ctx, [digest])
  const size = await whole(ctx, digest, Number(row.size))
  if (size === undefined) return undefined
  const linked = await ctx.db.transaction(async (tx) => {
    const id = await holdRepository(ctx, tx, repository)
    if ((await holdBlobRows(tx, [digest])).size === 0) return false
    await tx.sql`
      insert into repository_blob (repository, digest, created_at) values (${id}, ${digest}, ${ctx.now()}) on conflict do nothing`
    return true
  })
  return linked ? size : undefined
}

/** Those of the blobs that have a row, which stay until the transaction ends. In one order, so that none waits for another. */
export async function holdBlobRows({ sql }: Tx, digests: string[]): Promise<Set<string>> {
  const rows = await sql<{ digest: string }[]>`
    select digest from registry_blob where digest = any(${digests}) order by digest for key share`
  return new Set(rows.map(({ digest }) => digest))
}

/** Takes a blob out of one repository; its bytes stay for the others, and for the collection of rubbish. */
export async function unlinkBlob(ctx: Context, repository: string, digest: string): Promise<boolean> {
  const gone = await ctx.db.sql`
    delete from repository_blob rb using repository r
    where r.id = rb.repository and r.name = ${repository} and rb.digest = ${digest}`
  return gone.count > 0
}

/**
 * Renews the mark that keeps blobs from being collected, before a push is told that it need not send them. To the hour, so
 * that a base layer's row is not written by every push.
 */
export async function touchBlobs(ctx: Context, digests: string[]): Promise<void> {
  const hourAgo = new Date(ctx.now().getTime() - 3600_000)
  await ctx.db.sql`
    update registry_blob set touched_at = ${ctx.now()} where digest in (
      select digest from registry_blob where digest = any(${digests}) and touched_at < ${hourAgo} order by digest for update)`
}

async function whole(ctx: Context, digest: string, size: number): Promise<number | undefined> {
  return (await ctx.blobs.size(digest)) === size ? size : undefined
}
