import type { Context } from '../context.ts'
import { uniqueViolation, type Tx } from '../kit/db/db.ts'
import { badRequest, conflict } from '../problems.ts'
import { followLatest } from './follow-latest.ts'
import { missingBlobs, missingImages } from './is-whole.ts'
import { imagesOfRelease, lockRelease, releaseById, type Release } from './queries.ts'

/**
 * The build went well: number the release and, where the fleet follows the latest, move it there.
 * @param also runs in the same transaction, with the finished release: what must happen together with it or not at all
 * @throws Problem 400 when an image is missing (the release stays as it is), 409 when it is not running any more
 */
export async function finishRelease(
  ctx: Context,
  id: number,
  also?: (tx: Tx, release: Release) => Promise<void>,
): Promise<Release> {
  await checkWhole(ctx, id)
  return ctx.db.transaction(async (tx) => {
    const running = await lockRelease(tx, id)
    if (running.status !== 'running') throw conflict(`cannot finish release ${id}: it is ${running.status}`)
    // Looked at again under the lock: blobs are kept by the registry's grace period, rows may have changed.
    const missing = missingImages(running, await imagesOfRelease(tx.sql, id))
    if (missing) throw incomplete(id, missing)
    const finished = await succeed(ctx, tx, running)
    await also?.(tx, finished)
    return finished
  })
}

/** Reads blobs, so it comes before the transaction that holds the fleet's lock. */
async function checkWhole(ctx: Context, id: number): Promise<void> {
  const release = await releaseById(ctx.db.sql, id)
  const images = await imagesOfRelease(ctx.db.sql, id)
  const missing = missingImages(release, images) ?? (await missingBlobs(ctx, images))
  if (missing) throw incomplete(id, missing)
}

export const notWhole = 'release_incomplete'
const incomplete = (id: number, why: string) => badRequest(`cannot finish release ${id}: ${why}`, notWhole)

/** Needs the locks of `lockRelease`. */
export async function succeed(ctx: Context, tx: Tx, running: Release): Promise<Release> {
  const finished = await markSuccess(ctx, tx, running)
  const numbered = finished.wants_final ? await number(ctx, tx, finished) : finished
  await followLatest(tx, numbered.belongs_to__application)
  await tx.changed('release', { application: numbered.belongs_to__application, release: numbered.id })
  return numbered
}

async function markSuccess(ctx: Context, tx: Tx, { id, commit }: Release): Promise<Release> {
  try {
    // In a savepoint, so that the sentence can still name the other release.
    const [row] = await tx.sql.savepoint(
      (sql) => sql<Release[]>`
        update release set status = 'success', end_timestamp = coalesce(end_timestamp, ${ctx.now()}), update_timestamp = ${ctx.now()}
        where id = ${id} returning *`,
    )
    return row!
  } catch (error) {
    if (uniqueViolation(error)?.constraint !== 'release_commit') throw error
    throw badRequest(
      `cannot finish release ${id}: commit ${commit.slice(0, 7)} was released successfully before · give the new release a commit of its own`,
    )
  }
}

/** Makes a successful release final: from now on its version is a promise. Needs the locks of `lockRelease`. */
export async function number(ctx: Context, tx: Tx, release: Release): Promise<Release> {
  const [row] = await tx.sql<Release[]>`
    update release set is_finalized_at__date = ${ctx.now()}, wants_final = true, update_timestamp = ${ctx.now()}, revision = (
      select coalesce(max(other.revision) + 1, 0) from release other
      where other.belongs_to__application = ${release.belongs_to__application}
        and other.semver_major = ${release.semver_major} and other.semver_minor = ${release.semver_minor}
        and other.semver_patch = ${release.semver_patch} and other.semver_prerelease = ${release.semver_prerelease}
        and other.variant = ${release.variant})
    where id = ${release.id} returning *`
  return row!
}
