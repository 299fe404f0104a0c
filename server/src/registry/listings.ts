import type { Context } from '../context.ts'
import { readManifest } from './manifest-content.ts'
import type { StoredManifest } from './manifests.ts'

/** Tags after `last`, in the order of their bytes, `most` at most; undefined when nothing was ever pushed to the repository. */
export async function listTags(
  ctx: Context,
  repository: string,
  { last = '', most }: { last?: string | undefined; most: number },
): Promise<{ tags: string[]; more: boolean } | undefined> {
  const [found] = await ctx.db.sql<{ tags: string[] }[]>`
    select array(
      select t.name from manifest_tag t where t.repository = r.id and t.name > ${last} order by t.name limit ${most + 1}
    ) as tags
    from repository r where r.name = ${repository}`
  return found && { tags: found.tags.slice(0, most), more: found.tags.length > most }
}

/** An image index of all manifests that name `digest` as their subject, of one kind only where `artifactType` is given. */
export async function listReferrers(
  ctx: Context,
  repository: string,
  digest: string,
  artifactType: string | undefined,
): Promise<object> {
  const rows = await ctx.db.sql<StoredManifest[]>`
    select m.digest, m.media_type as "mediaType", m.content from repository r join manifest m on m.repository = r.id
    where r.name = ${repository} and m.subject = ${digest} order by m.id`
  const manifests = rows
    .map((row) => {
      const { artifactType, annotations } = readManifest(row.content, row.mediaType)
      return {
        mediaType: row.mediaType,
        digest: row.digest,
        size: row.content.length,
        ...(artifactType && { artifactType }),
        ...(annotations && { annotations }),
      }
    })
    .filter((row) => artifactType === undefined || row.artifactType === artifactType)
  return { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }
}
