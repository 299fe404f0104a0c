import type { Context } from '../context.ts'
import type { Query, Tx } from '../kit/db/db.ts'
import { imagesGone } from './images-gone.ts'

const releasesAtOnce = 1000
const day = 24 * 3600_000

/**
 * Releases that nobody needs let go of their images. Needed is what anybody names: a target, a pin, a device that runs it,
 * has it or last ran it well; and the newest of each fleet. Of the rest, what never was final goes some days after its last
 * change; final releases stay, unless a setting says for how long. Row and log stay, marked as invalid with the reason.
 * @returns how many let go
 */
export async function letImagesGo(ctx: Context, signal?: AbortSignal): Promise<number> {
  let count = 0
  for (let last = 0; !signal?.aborted;) {
    const [page] = await ctx.db.sql<{ last: number | null; old: number[] | null }[]>`
      with page as (select * from release where id > ${last} order by id limit ${releasesAtOnce})
      select max(r.id) as last, array_agg(r.id) filter (where ${isOld(ctx, ctx.db.sql)} and not ${isNeeded(ctx, ctx.db.sql)}) as old
      from page r join application a on a.id = r.belongs_to__application`
    if (page?.last == null) break
    last = page.last
    if (page.old) count += await letGo(ctx, page.old)
  }
  return count
}

/**
 * Locks first and looks again then: who pins a release holds its row (for share) from the moment when it looks whether there
 * are images, so one of the two sees the other. What somebody holds is left for the next time.
 */
function letGo(ctx: Context, ids: number[]): Promise<number> {
  const now = ctx.now()
  return ctx.db.transaction(async (tx) => {
    const { sql } = tx
    const locked = await sql<{ id: number }[]>`
      select id from release where id = any(${ids}) order by id for no key update skip locked`
    const gone = await sql<{ id: number; application: number }[]>`
      update release r set images_let_go_at = ${now}, update_timestamp = ${now}, is_invalidated = true,
        invalidation_reason = concat_ws(' · ', r.invalidation_reason, ${imagesGone(now)}::text)
      from application a
      where a.id = r.belongs_to__application and r.id = any(${locked.map(({ id }) => id)})
        and ${isOld(ctx, sql)} and not ${isNeeded(ctx, sql)}
      returning r.id, a.id as application`
    for (const { id, application } of gone) await tx.changed('release', { application, release: id })
    return gone.length
  })
}

/** Of a row `r` of an application `a`. Supervisors and host systems are for devices that come yet. */
function isOld(ctx: Context, sql: Query | Tx['sql']) {
  const { draftDays, finalDays } = ctx.config.collection
  const before = (days: number) => new Date(ctx.now().getTime() - days * day)
  const some = sql as Tx['sql']
  return some`(
    r.images_let_go_at is null and r.status <> 'running'
    and case when r.status = 'success' and r.revision is not null
      then ${finalDays === undefined ? some`false` : some`r.update_timestamp < ${before(finalDays)} and a.is_of__class = 'fleet' and not a.is_host`}
      else r.update_timestamp < ${before(draftDays)} end
    and exists (select from release_image ri where ri.is_part_of__release = r.id))`
}

/** Of a row `r`. */
function isNeeded(ctx: Context, sql: Query | Tx['sql']) {
  const { lastReleases } = ctx.config.collection
  return (sql as Tx['sql'])`(
    exists (select from application t where r.id in (t.should_be_running__release, t.should_be_operated_by__release))
    or exists (select from device d where d.is_pinned_on__release = r.id)
    or exists (select from device d where d.is_running__release = r.id)
    or exists (select from device d where d.should_be_managed_by__release = r.id)
    or exists (select from device d where d.should_be_operated_by__release = r.id)
    or exists (select from device_last_healthy h where h.release = r.id)
    or exists (select from image_install i where i.is_provided_by__release = r.id and i.status <> 'deleted')
    or r.id in (
      select last.id from release last
      where last.belongs_to__application = r.belongs_to__application and last.status = 'success' and last.images_let_go_at is null
      order by last.id desc limit ${lastReleases}))`
}
