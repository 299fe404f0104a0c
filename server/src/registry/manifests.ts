import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { findBlob, holdBlobRows, linkBlob, touchBlobs } from './blobs.ts'
import { digestOf, isForeign, readManifest, type Reference } from './manifest-content.ts'
import { isDigest, isTag } from './path.ts'
import { refusal } from './refusals.ts'
import { holdRepository } from './repositories.ts'

export interface StoredManifest {
  digest: string
  mediaType: string
  content: Buffer
}

/** By digest or tag; undefined when there is none. */
export async function findManifest(
  ctx: Context,
  repository: string,
  reference: string,
): Promise<StoredManifest | undefined> {
  const { sql } = ctx.db
  const [row] = await sql<StoredManifest[]>`
    select m.digest, m.media_type as "mediaType", m.content
    from repository r join manifest m on m.repository = r.id
    where r.name = ${repository} and m.digest = ${
      isDigest(reference)
        ? reference
        : sql`(select t.digest from manifest_tag t where t.repository = r.id and t.name = ${reference})`
    }`
  return row
}

/**
 * Keeps a manifest, byte by byte, if all that it needs is here and whole; what is missing is named, so that the client sends
 * it. Blobs in the repositories `readable` need not be sent again.
 */
export async function putManifest(
  ctx: Context,
  put: { repository: string; reference: string; mediaType: string; content: Buffer; readable: string[] },
): Promise<{ digest: string; subject: string | undefined }> {
  const digest = digestOf(put.content)
  const tag = isTag(put.reference) ? put.reference : undefined
  if (!tag && put.reference !== digest)
    throw isDigest(put.reference)
      ? refusal('DIGEST_INVALID', `cannot take manifest ${put.reference}: its digest is ${digest}`)
      : refusal('MANIFEST_INVALID', `cannot tag a manifest ${JSON.stringify(put.reference)}`)
  const { references, artifactType } = readManifest(put.content, put.mediaType)
  await touchBlobs(
    ctx,
    references.map((reference) => reference.digest),
  )
  await checkPresence(ctx, put, references)
  const subject = references.find((reference) => reference.kind === 'subject')?.digest
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    const { sql } = tx
    const repository = await holdRepository(ctx, tx, put.repository)
    await holdReferences(tx, { id: repository, name: put.repository }, references)
    const [kept] = await sql<{ id: number }[]>`
      insert into manifest (repository, digest, media_type, content, subject, artifact_type, created_at, touched_at)
      values (${repository}, ${digest}, ${put.mediaType}, ${put.content}, ${subject ?? null}, ${artifactType ?? null}, ${now}, ${now})
      on conflict (repository, digest) do update set touched_at = excluded.touched_at, media_type = excluded.media_type
      returning id`
    if (references.length > 0)
      await sql`
        insert into manifest_reference ${sql(references.map(({ kind, digest }) => ({ manifest: kept!.id, kind, digest })))}
        on conflict do nothing`
    if (tag)
      await sql`
        insert into manifest_tag (repository, name, digest, updated_at) values (${repository}, ${tag}, ${digest}, ${now})
        on conflict (repository, name) do update set digest = excluded.digest, updated_at = excluded.updated_at`
  })
  return { digest, subject }
}

/**
 * Renews the mark that keeps a manifest, and all that it reaches, from being collected: before somebody is told that it is
 * here and counts on it. To the hour, like that of blobs.
 */
export async function touchManifest(ctx: Context, repository: string, reference: string): Promise<void> {
  const hourAgo = new Date(ctx.now().getTime() - 3600_000)
  const { sql } = ctx.db
  await sql`
    with held as (select id from repository where name = ${repository} for key share)
    update manifest m set touched_at = ${ctx.now()} from held r
    where m.repository = r.id and m.touched_at < ${hourAgo} and m.digest = ${
      isDigest(reference)
        ? reference
        : sql`(select t.digest from manifest_tag t where t.repository = r.id and t.name = ${reference})`
    }`
}

/** By tag: the tag goes. By digest: the manifest goes with all its tags. False when there was nothing. */
export async function removeManifest(ctx: Context, repository: string, reference: string): Promise<boolean> {
  const { sql } = ctx.db
  const gone = isDigest(reference)
    ? await sql`delete from manifest m using repository r where r.id = m.repository and r.name = ${repository} and m.digest = ${reference}`
    : await sql`delete from manifest_tag t using repository r where r.id = t.repository and r.name = ${repository} and t.name = ${reference}`
  return gone.count > 0
}

async function checkPresence(
  ctx: Context,
  put: { repository: string; readable: string[] },
  references: Reference[],
): Promise<void> {
  await Promise.all(
    references.map(async (reference) => {
      const size = await sizeOf(ctx, put, reference)
      if (size === undefined) throw missing(put.repository, reference)
      if (size !== reference.size)
        throw refusal(
          'MANIFEST_INVALID',
          `cannot take this manifest: ${reference.kind} ${reference.digest} has ${size} bytes, not ${reference.size}`,
        )
    }),
  )
}

/**
 * Looks at the rows again, and keeps what was found from being collected until the transaction ends; from then on the
 * manifest's references keep it.
 */
async function holdReferences(
  tx: Tx,
  repository: { id: number; name: string },
  references: Reference[],
): Promise<void> {
  const blobs = references.filter(({ kind }) => kind === 'config' || kind === 'layer')
  const held = await holdBlobRows(
    tx,
    blobs.map(({ digest }) => digest),
  )
  const gone = blobs.find((blob) => !held.has(blob.digest) && !isForeign(blob))
  if (gone) throw missing(repository.name, gone)
  const children = references.filter(({ kind }) => kind === 'manifest')
  if (children.length === 0) return
  const rows = await tx.sql<{ digest: string }[]>`
    select digest from manifest
    where repository = ${repository.id} and digest = any(${children.map(({ digest }) => digest)})`
  const lost = children.find((child) => !rows.some(({ digest }) => digest === child.digest))
  if (lost) throw missing(repository.name, lost)
}

const missing = (repository: string, { kind, digest }: Reference) =>
  refusal(
    'MANIFEST_BLOB_UNKNOWN',
    `cannot take this manifest: ${kind} ${digest} is not in ${repository} · push it first`,
  )

async function sizeOf(
  ctx: Context,
  { repository, readable }: { repository: string; readable: string[] },
  reference: Reference,
): Promise<number | undefined> {
  switch (reference.kind) {
    case 'subject':
      return reference.size // may come later, or never
    case 'manifest':
      return (await findManifest(ctx, repository, reference.digest))?.content.length
    case 'config':
    case 'layer': {
      const found =
        (await findBlob(ctx, repository, reference.digest)) ??
        (await linkBlob(ctx, repository, reference.digest, readable))
      return found ?? (isForeign(reference) ? reference.size : undefined)
    }
  }
}
