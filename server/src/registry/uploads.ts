// Upload sessions are rows: any copy of the server can go on with them, and a killed one loses no more than its last seconds.
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Context } from '../context.ts'
import type { Upload } from '../kit/blobs/blobs.ts'
import { blobLock } from '../kit/blobs/hold.ts'
import { Problem } from '../problems.ts'
import { refusal } from './refusals.ts'
import { holdRepository } from './repositories.ts'

export interface Session {
  repository: string
  id: string
}

interface Claimed extends Upload {
  writer: string
}

/** Opens a session for whoever may push to the repository. */
export async function startUpload(ctx: Context, repository: string, subject: string): Promise<Session> {
  const upload = ctx.blobs.begin()
  const now = ctx.now()
  await ctx.db.transaction(async (tx) => {
    const id = await holdRepository(ctx, tx, repository)
    await tx.sql`
      insert into blob_upload (id, repository, subject, note, created_at, touched_at)
      values (${upload.id}, ${id}, ${subject}, ${upload.note}, ${now}, ${now})`
  })
  return { repository, id: upload.id }
}

/** How far a session is, who began it, and when. */
export async function findUpload(
  ctx: Context,
  session: Session,
): Promise<{ size: number; subject: string; startedAt: Date }> {
  const [row] = await ctx.db.sql<{ size: string; subject: string; created_at: Date }[]>`
    select u.size, u.subject, u.created_at from blob_upload u join repository r on r.id = u.repository
    where u.id = ${uuidOf(session)} and r.name = ${session.repository}`
  if (!row) throw unknown(session)
  return { size: Number(row.size), subject: row.subject, startedAt: row.created_at }
}

/**
 * Adds bytes to a session. `start`, where the client says it, must be where the session ends. Returns the new size. When
 * `content` breaks off, what had arrived stays, and the client may go on from there.
 */
export async function appendUpload(
  ctx: Context,
  session: Session,
  content: Readable,
  start?: number,
): Promise<number> {
  const claimed = await claim(ctx, session)
  if (start !== undefined && start !== claimed.size)
    throw refusal(
      'BLOB_UPLOAD_INVALID',
      `cannot add bytes from ${start}: the upload has ${claimed.size} · go on from there`,
      { Range: rangeOf(claimed.size) },
    )
  let size = claimed.size
  for await (const safe of ctx.blobs.append(claimed, content)) {
    const kept = await ctx.db.sql`
      update blob_upload set size = ${safe.size}, note = ${safe.note}, touched_at = ${ctx.now()}
      where id = ${claimed.id} and writer = ${claimed.writer}`
    if (kept.count === 0)
      throw refusal('BLOB_UPLOAD_INVALID', 'cannot add bytes: another request goes on with this upload')
    size = safe.size
  }
  return size
}

/** Ends a session: checks the digest, and only then can the blob be read in the repository. A wrong one ends it too, with nothing kept. */
export async function finishUpload(ctx: Context, session: Session, digest: string): Promise<void> {
  const claimed = await claim(ctx, session, digest)
  const blob = await ctx.blobs.finish(claimed, digest).catch(async (error: unknown) => {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    await ctx.db.sql`delete from blob_upload where id = ${claimed.id} and writer = ${claimed.writer}`
    throw error.status === 404 ? unknown(session) : error
  })
  const now = ctx.now()
  await ctx.db.transaction(async ({ sql }) => {
    await sql`
      insert into registry_blob (digest, size, created_at, touched_at) values (${digest}, ${blob.size}, ${now}, ${now})
      on conflict (digest) do update set touched_at = excluded.touched_at, size = excluded.size`
    await sql`
      insert into repository_blob (repository, digest, created_at)
      select id, ${digest}, ${now} from repository where name = ${session.repository} on conflict do nothing`
    await sql`delete from blob_upload where id = ${claimed.id}`
  })
}

/** Ends a session and frees its bytes. */
export async function abandonUpload(ctx: Context, session: Session): Promise<void> {
  const claimed = await claim(ctx, session)
  await ctx.db.sql`delete from blob_upload where id = ${claimed.id}`
  await ctx.blobs.abandon(claimed)
}

/** `0-<last byte>`, as clients want to be told how far they are; nothing at all is `0-0` by old custom. */
export const rangeOf = (size: number): string => `0-${Math.max(size - 1, 0)}`

/**
 * The newest request is the one that writes: an older one may hang on a connection that is long dead. Where the upload is
 * `becoming` a blob, its row says so before the bytes move, and after any removal of the same blob that is under way.
 */
async function claim(ctx: Context, session: Session, becoming?: string): Promise<Claimed> {
  const writer = randomUUID()
  const { sql } = ctx.db
  const [row] = await sql<{ id: string; size: string; note: string }[]>`
    update blob_upload u set writer = ${writer}, touched_at = ${ctx.now()} ${becoming ? sql`, digest = ${becoming}` : sql``}
    from repository r ${
      becoming ? sql`, pg_advisory_xact_lock_shared(hashtextextended(${blobLock(becoming)}, 0))` : sql``
    }
    where u.id = ${uuidOf(session)} and r.id = u.repository and r.name = ${session.repository}
    returning u.id, u.size, u.note`
  if (!row) throw unknown(session)
  return { id: row.id, size: Number(row.size), note: row.note, writer }
}

function uuidOf(session: Session): string {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(session.id)) throw unknown(session)
  return session.id
}

const unknown = ({ id }: Session) =>
  refusal('BLOB_UPLOAD_UNKNOWN', `cannot find upload ${id}: it was finished, ended or swept · begin anew`)
