import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, Problem } from '../problems.ts'
import { endRelease } from './end-release.ts'
import { finishRelease, notWhole, number } from './finish-release.ts'
import { followLatest } from './follow-latest.ts'
import { imagesGone } from './images-gone.ts'
import { lockRelease, releaseById, type Release, type ReleaseStatus } from './queries.ts'
import { semverColumns } from './start-release.ts'

/** What PATCH may say (cloud-api, "release"). */
export interface ReleaseChanges {
  status?: ReleaseStatus | undefined
  end_timestamp?: Date | null | undefined
  is_final?: boolean | undefined
  semver?: string | undefined
  is_invalidated?: boolean | undefined
  invalidation_reason?: string | null | undefined
  is_passing_tests?: boolean | undefined
  contract?: unknown
  composition?: unknown
  build_log?: string | null | undefined
  note?: string | null | undefined
  known_issue_list?: string | null | undefined
  phase?: string | null | undefined
}

/**
 * Changes a release, and moves the fleet where the change says so. Writing what is so already is no change: clients repeat
 * a PATCH whose answer they missed.
 * @throws Problem 400 in the wire's words where there are any
 */
export async function updateRelease(
  ctx: Context,
  _asking: Actor,
  id: number,
  changes: ReleaseChanges,
): Promise<Release> {
  await ctx.db.transaction(async (tx) => {
    const before = await lockRelease(tx, id)
    await writePlainFields(ctx, tx, before, changes)
    if (changes.status !== undefined && changes.status !== before.status)
      await leave(ctx, tx, before, changes.status)
    if (changes.is_final !== undefined) await finalise(ctx, tx, before, changes.is_final)
    await followLatest(tx, before.belongs_to__application)
    await tx.changed('release', { application: before.belongs_to__application, release: id })
  })
  if (changes.status === 'success') await finishOrFail(ctx, id)
  return releaseById(ctx.db.sql, id)
}

async function writePlainFields(
  ctx: Context,
  tx: Tx,
  before: Release,
  changes: ReleaseChanges,
): Promise<void> {
  const version = changes.semver === undefined ? undefined : semverColumns(changes.semver)
  if (version && before.revision !== null && version.semver !== before.semver)
    throw badRequest('The version of a finalized release cannot be changed.')
  if (before.images_let_go_at && changes.is_invalidated === false)
    throw badRequest(`cannot validate release ${before.id}: ${imagesGone(before.images_let_go_at)}`)
  const invalidated = changes.is_invalidated ?? before.is_invalidated
  if (changes.invalidation_reason && !invalidated)
    throw badRequest('cannot set invalidation_reason: the release is not invalidated')

  const plain = {
    ...version,
    end_timestamp: changes.end_timestamp,
    is_invalidated: changes.is_invalidated,
    invalidation_reason: invalidated ? changes.invalidation_reason : null,
    is_passing_tests: changes.is_passing_tests,
    contract: changes.contract == null ? changes.contract : tx.sql.json(changes.contract as never),
    composition: changes.composition == null ? undefined : tx.sql.json(changes.composition as never),
    build_log: changes.build_log,
    note: changes.note,
    known_issue_list: changes.known_issue_list,
    phase: changes.phase,
    update_timestamp: ctx.now(),
  }
  const columns = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined))
  await tx.sql`update release set ${tx.sql(columns as never)} where id = ${before.id}`
}

/** A release leaves `running` once, and ends where it went. */
async function leave(ctx: Context, tx: Tx, before: Release, status: ReleaseStatus): Promise<void> {
  if (before.status !== 'running')
    throw badRequest(`cannot mark release ${before.id} as ${status}: it is ${before.status}`)
  if (status === 'success' || status === 'running') return
  await endRelease(ctx, tx, before.id, status, `marked as ${status} by a client`)
}

async function finalise(ctx: Context, tx: Tx, before: Release, wanted: boolean): Promise<void> {
  if (before.revision !== null) {
    if (!wanted) throw badRequest('Finalized releases cannot be converted to draft.')
    return
  }
  if (wanted && before.images_let_go_at)
    throw badRequest(`cannot finalise release ${before.id}: ${imagesGone(before.images_let_go_at)}`)
  if (wanted && before.status === 'success') await number(ctx, tx, await releaseById(tx.sql, before.id))
  else await tx.sql`update release set wants_final = ${wanted} where id = ${before.id}`
}

/** A client says that its upload is complete. We look ourselves: a release is a promise that a device can run it. */
async function finishOrFail(ctx: Context, id: number): Promise<void> {
  const { status } = await releaseById(ctx.db.sql, id)
  if (status === 'success') return
  try {
    await finishRelease(ctx, id)
  } catch (error) {
    if (error instanceof Problem && error.code === notWhole)
      await ctx.db.transaction((tx) => endRelease(ctx, tx, id, 'failed', error.message))
    throw error
  }
}
