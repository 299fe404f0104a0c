import type { Context } from '../context.ts'
import { aloneWithBlob } from '../kit/blobs/hold.ts'
import type { Query } from '../kit/db/db.ts'

/**
 * Those of `digests` that no row names: neither as a blob of the registry, nor as a pack of git, nor as what an upload is
 * about to become, nor as the source of a build that may start again. Whoever keeps blobs for a new reason adds a line here
 * (and a column to `collection.pg.test.ts`).
 */
export async function unnamed(sql: Query, digests: string[]): Promise<string[]> {
  const rows = await (sql as Context['db']['sql'])<{ digest: string }[]>`
    select stored.digest from unnest(${digests}::text[]) as stored(digest)
    where not exists (select from registry_blob b where b.digest = stored.digest)
      and not exists (select from git_pack p where p.blob = stored.digest)
      and not exists (select from blob_upload u where u.digest = stored.digest)
      and not exists (select from build b where b.source = stored.digest)`
  return rows.map(({ digest }) => digest)
}

/** Removes a blob's bytes if no row names it and nobody put it since `before`. Returns whether they went. */
export async function removeBytes(ctx: Context, digest: string, before: Date): Promise<boolean> {
  return ctx.db.transaction(async ({ sql }) => {
    await aloneWithBlob(sql, digest)
    return (await unnamed(sql, [digest])).length > 0 && ctx.blobs.remove(digest, before)
  })
}
