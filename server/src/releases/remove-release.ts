import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest } from '../problems.ts'
import { rawVersion } from './version-sql.ts'

/**
 * Removes releases that nothing is to run, and the images that no other release has. What a device was last seen to run may
 * be removed: it goes on running.
 * @throws Problem 400 in the wire's words for a release that a fleet or a device is to run
 */
export async function removeReleases(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    await tx.sql`
      select 1 from application where id in (select belongs_to__application from release where id = any(${ids}))
      order by id for no key update`
    await refuseTargets(tx, ids)
    const images = await tx.sql<{ id: number }[]>`
      select distinct image as id from release_image where is_part_of__release = any(${ids})`
    const gone = await tx.sql<{ id: number; application: number }[]>`
      delete from release where id = any(${ids}) returning id, belongs_to__application as application`
    await tx.sql`
      delete from image i where i.id = any(${images.map(({ id }) => id)})
        and not exists (select 1 from release_image ri where ri.image = i.id)`
    for (const { id, application } of gone) await tx.changed('release', { application, release: id })
  })
}

async function refuseTargets({ sql }: Tx, ids: number[]): Promise<void> {
  const [target] = await sql<{ version: string }[]>`
    select ${sql.unsafe(rawVersion('r'))} as version from release r
    where r.id = any(${ids}) and exists (
      select 1 from application a where r.id in (a.should_be_running__release, a.should_be_operated_by__release))
    limit 1`
  if (target)
    throw badRequest(`Unable to delete release ${target.version} because it is the fleet's target release.`)
  const [pinned] = await sql`
    select 1 from device where is_pinned_on__release = any(${ids}) or should_be_managed_by__release = any(${ids})
      or should_be_operated_by__release = any(${ids}) limit 1`
  if (pinned) throw badRequest('Unable to delete a release because device(s) are pinned to it.')
}
