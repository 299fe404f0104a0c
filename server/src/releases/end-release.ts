import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import type { ReleaseStatus } from './queries.ts'

export type BadEnd = Exclude<ReleaseStatus, 'running' | 'success'>

/** The build or an upload went wrong. A release that ended before stays as it is. @returns whether it was still running */
export const failRelease = (ctx: Context, id: number, sentence: string) => end(ctx, id, 'failed', sentence)

/** Somebody does not want it any more: a build of it stops on whichever copy it runs. */
export const cancelRelease = (ctx: Context, id: number, sentence = 'cancelled') =>
  end(ctx, id, 'cancelled', sentence)

/** Its build died with the copy of the server that ran it. */
export const interruptRelease = (ctx: Context, id: number, sentence: string) =>
  end(ctx, id, 'interrupted', sentence)

function end(ctx: Context, id: number, status: BadEnd, sentence: string): Promise<boolean> {
  return ctx.db.transaction((tx) => endRelease(ctx, tx, id, status, sentence))
}

/** Ends a running release and its unfinished images badly; builds of it are told. */
export async function endRelease(
  ctx: Context,
  tx: Tx,
  id: number,
  status: BadEnd,
  sentence: string,
): Promise<boolean> {
  const now = ctx.now()
  const [ended] = await tx.sql<{ belongs_to__application: number }[]>`
    update release set status = ${status}, end_timestamp = coalesce(end_timestamp, ${now}), update_timestamp = ${now}
    where id = ${id} and status = 'running' returning belongs_to__application`
  if (!ended) return false
  await tx.sql`
    update image set status = ${status}, end_timestamp = ${now}, error_message = coalesce(error_message, ${sentence.slice(0, 300_000)})
    where status = 'running' and id in (select image from release_image where is_part_of__release = ${id})`
  await tx.changed('build', { release: id, status })
  await tx.changed('release', { application: ended.belongs_to__application, release: id })
  return true
}
