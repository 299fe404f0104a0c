import type { Context } from '../context.ts'

const devicesAtOnce = 1000

/**
 * Notes for each device the release that it runs well right now: its services run, or have ended as they were meant to. What
 * was noted last is where it may want to go back to, and keeps its images. Walks all devices, in pages, so that the busy path
 * of reports has nothing to do with it; writes only what changed.
 */
export async function noteHealthyDevices(ctx: Context, signal?: AbortSignal): Promise<void> {
  for (let last = 0; !signal?.aborted;) {
    const [page] = await ctx.db.sql<{ last: number | null }[]>`
      with page as (
        select id, is_running__release as release from device where id > ${last} order by id limit ${devicesAtOnce}
      ), fresh as (
        select d.id, r.id as release from page p join device d on d.id = p.id join release r on r.id = p.release
        where exists (
            select from image_install i where i.device = p.id and i.is_provided_by__release = p.release and i.status = 'Running')
          and not exists (
            select from image_install i where i.device = p.id and i.is_provided_by__release = p.release
              and i.status not in ('Running', 'exited', 'Stopped', 'paused', 'deleted'))
          and not exists (select from device_last_healthy h where h.device = p.id and h.release = p.release)
        for key share of d, r
      ), noted as (
        insert into device_last_healthy (device, release) select id, release from fresh
        on conflict (device) do update set release = excluded.release
      )
      select max(id) as last from page`
    if (page?.last == null) return
    last = page.last
  }
}
