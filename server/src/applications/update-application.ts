import type { Actor } from '../auth/actor.ts'
import { mustMay } from '../auth/can.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest } from '../problems.ts'
import { installServices } from '../devices/install-services.ts'
import { imagesGone } from '../releases/images-gone.ts'
import { followLatest } from '../releases/follow-latest.ts'
import { checkAppName, nameTaken, type NewApplication } from './create-application.ts'

export interface ApplicationChanges extends Partial<Omit<NewApplication, 'uuid' | 'is_of__class'>> {
  should_be_running__release?: number | null
  should_be_operated_by__release?: number | null
}

interface Before {
  id: number
  organization: number
  is_for__device_type: number
}

/** Renames, pins, lets follow, moves, publishes fleets: all of `ids`, or none. Their devices are told to look. */
export async function updateApplications(
  ctx: Context,
  asking: Actor,
  ids: number[],
  changes: ApplicationChanges,
): Promise<void> {
  if (Object.keys(changes).length === 0) return
  if (changes.app_name !== undefined) checkAppName(changes.app_name)
  try {
    await ctx.db.transaction(async (tx) => {
      const rows = await tx.sql<Before[]>`
        select id, organization, is_for__device_type from application where id = any(${ids}) order by id for no key update`
      for (const before of rows) await updateOne(ctx, tx, asking, before, changes)
    })
  } catch (error) {
    throw nameTaken(error) ?? error
  }
}

async function updateOne(ctx: Context, tx: Tx, asking: Actor, before: Before, changes: ApplicationChanges) {
  const { id } = before
  const { organization, is_for__device_type, should_be_running__release, should_be_operated_by__release } =
    changes
  if (organization !== undefined && organization !== before.organization) {
    await mustMay(tx.sql, asking, 'found', { application: id }, 'move a fleet out of its organization')
    await mustMay(tx.sql, asking, 'found', { organization }, 'move a fleet to this organization')
  }
  if (is_for__device_type !== undefined) await checkArchitecture(tx, before, is_for__device_type)
  if (should_be_running__release != null) await checkTarget(tx, id, should_be_running__release)
  if (should_be_operated_by__release != null) await checkHostRelease(tx, should_be_operated_by__release)
  await tx.sql`
    update application set ${tx.sql({ ...changes, modified_at: ctx.now() } as never)} where id = ${id}`
  await tx.sql`
    update application a set slug = lower(o.handle || '/' || a.app_name) from organization o
    where o.id = a.organization and a.id = ${id} and slug <> lower(o.handle || '/' || a.app_name)`
  if (changes.should_track_latest_release) await followLatest(tx, id)
  if (should_be_running__release !== undefined) await installServices(tx, { application: id })
  await tx.changed('target', { application: id })
}

/** What is built for a fleet must go on running on its devices. */
async function checkArchitecture({ sql }: Tx, before: Before, type: number): Promise<void> {
  const [same] = await sql`
    select 1 from device_type old join device_type new using (is_of__cpu_architecture)
    where old.id = ${before.is_for__device_type} and new.id = ${type}`
  if (!same)
    throw badRequest(
      'The new default device type should be of the same cpu architecture as the previous one.',
    )
}

async function checkTarget({ sql }: Tx, application: number, release: number): Promise<void> {
  const [found] = await sql<{ status: string; gone: Date | null }[]>`
    select status, images_let_go_at as gone from release
    where id = ${release} and belongs_to__application = ${application} for share`
  if (!found)
    throw badRequest(`cannot pin the fleet to release ${release}: it is not a release of this fleet`)
  if (found.status !== 'success')
    throw badRequest(`cannot pin the fleet to release ${release}: its status is ${found.status}`)
  if (found.gone) throw badRequest(`cannot pin the fleet to release ${release}: ${imagesGone(found.gone)}`)
}

async function checkHostRelease({ sql }: Tx, release: number): Promise<void> {
  const [found] = await sql<{ gone: Date | null }[]>`
    select r.images_let_go_at as gone from release r join application a on a.id = r.belongs_to__application
    where r.id = ${release} and r.status = 'success' and a.is_host for share of r`
  const cannot = `cannot set release ${release} as host OS`
  if (!found) throw badRequest(`${cannot}: it is no host OS`)
  if (found.gone) throw badRequest(`${cannot}: ${imagesGone(found.gone)}`)
}
