import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, unauthorized } from '../problems.ts'
import { imagesGone } from '../releases/images-gone.ts'
import { changes as changesOf } from './changes.ts'
import { installServices } from './install-services.ts'
import { runsOn } from './queries.ts'

/** Told as they are; the door has checked their types. */
const plain = [
  'device_name', 'note', 'local_id', 'custom_latitude', 'custom_longitude', 'latitude', 'longitude', 'location',
  'is_active', 'is_web_accessible', 'is_frozen', 'is_locked_until__date', 'is_accessible_by_support_until__date',
] as const // oxfmt-ignore
/** What a device says of itself; its scripts write them outside of reports too. */
const state = [
  'status', 'os_version', 'os_variant', 'supervisor_version', 'provisioning_progress', 'provisioning_state',
  'download_progress', 'ip_address', 'mac_address', 'cpu_id', 'is_undervolted',
] as const // oxfmt-ignore
const targets = [
  'belongs_to__application',
  'is_of__device_type',
  'is_pinned_on__release',
  'should_be_managed_by__release',
  'should_be_operated_by__release',
] as const
/** What a device may not change of itself. */
const peopleOnly: readonly string[] = [
  'belongs_to__application', 'is_of__device_type', 'is_active', 'is_frozen', 'is_web_accessible',
  'is_accessible_by_support_until__date',
] // oxfmt-ignore

export type DeviceChanges = Partial<Record<(typeof plain)[number] | (typeof state)[number], unknown>> &
  Partial<Record<(typeof targets)[number], number | null>>

/**
 * Renames, pins, moves, annotates devices: whatever of a device may be written, for all of `ids` or for none. Moving resets
 * what belonged to the old fleet. Connected devices are told to look when what they should run changed.
 */
export async function updateDevice(
  ctx: Context,
  asking: Actor,
  ids: number[],
  changes: DeviceChanges,
): Promise<void> {
  const written = [...plain, ...state, ...targets].filter((name) => changes[name] !== undefined)
  if (ids.length === 0 || written.length === 0) return
  await ctx.db.transaction(async (tx) => {
    const devices = await lockDevices(tx, asking, ids)
    const refused = asking.kind === 'device' && written.find((name) => peopleOnly.includes(name))
    if (refused) throw unauthorized(`cannot change ${refused}: a device may not change it of itself`)
    if (changes.device_name !== undefined) checkName(changes.device_name)
    if (changes.is_of__device_type != null) await checkType(tx, devices, changes.is_of__device_type)
    if (changes.belongs_to__application !== undefined) await move(tx, asking, devices, changes)
    if (changes.is_pinned_on__release != null) await checkPin(tx, devices, changes)
    if (changes.should_be_managed_by__release != null)
      await checkSupervisor(tx, devices, changes.should_be_managed_by__release)
    if (changes.should_be_operated_by__release != null)
      await checkHost(tx, devices, changes.should_be_operated_by__release)
    await tx.sql`
      update device set ${tx.sql(changes as Record<string, never>, written)}, modified_at = ${ctx.now()}
        ${written.some((name) => state.includes(name as never)) ? tx.sql`, report_version = report_version + 1` : tx.sql``}
      where id = any(${devices.map(({ id }) => id)})`
    if (written.some((name) => name === 'device_name' || targets.includes(name as never)))
      await tellDevices(tx, devices)
  })
  for (const id of ids) changesOf(ctx).mark(id, 'state')
}

interface Locked {
  id: number
  uuid: string
  application: number | null
  architecture: string
}

/** All of them, in one order (so that two verbs never wait for each other), if the caller may write them. */
async function lockDevices({ sql }: Tx, asking: Actor, ids: number[]): Promise<Locked[]> {
  const rows = await sql<(Locked & { role: string | null })[]>`
    select d.id, d.uuid, d.belongs_to__application as application, c.slug as architecture,
      (select r.name from application a join organization_membership m on m.is_member_of__organization = a.organization
        join organization_membership_role r on r.id = m.organization_membership_role
        where a.id = d.belongs_to__application and m."user" = ${asking.kind === 'user' ? asking.id : null}) as role
    from device d
    join device_type t on t.id = d.is_of__device_type
    join cpu_architecture c on c.id = t.is_of__cpu_architecture
    where d.id = any(${ids})
    order by d.id
    for update of d`
  for (const { id, role } of rows) {
    const own = asking.kind === 'device' && asking.id === id
    if (!own && !(asking.kind === 'user' && role && role !== 'observer'))
      throw unauthorized(`cannot change device ${id}: it is not yours`)
  }
  return rows
}

function checkName(name: unknown): void {
  if (typeof name !== 'string' || name.length === 0 || name.length > 255 || /[\n\r]/.test(name))
    throw badRequest('cannot rename the device: a name has 1 to 255 characters and no line breaks')
}

async function checkType({ sql }: Tx, devices: Locked[], type: number): Promise<void> {
  const [row] = await sql<{ slug: string }[]>`
    select c.slug from device_type t join cpu_architecture c on c.id = t.is_of__cpu_architecture where t.id = ${type}`
  if (!row || devices.some(({ architecture }) => architecture !== row.slug))
    throw badRequest(
      'The new default device type should be of the same cpu architecture as the previous one.',
    )
}

/** To another fleet: the caller must be at home in both, and the device able to run what is built there. */
async function move({ sql }: Tx, asking: Actor, devices: Locked[], changes: DeviceChanges): Promise<void> {
  const [fleet] = await sql<{ slug: string; architecture: string; role: string | null }[]>`
    select a.slug, c.slug as architecture,
      (select r.name from organization_membership m join organization_membership_role r on r.id = m.organization_membership_role
        where m.is_member_of__organization = a.organization and m."user" = ${asking.kind === 'user' ? asking.id : null}) as role
    from application a
    join device_type t on t.id = a.is_for__device_type
    join cpu_architecture c on c.id = t.is_of__cpu_architecture
    where a.id = ${changes.belongs_to__application!}
    for share of a`
  if (!fleet?.role || fleet.role === 'observer')
    throw unauthorized(
      `cannot move devices to fleet ${changes.belongs_to__application}: it is unknown, or not yours`,
    )
  const stranger = devices.find(({ architecture }) => !runsOn(architecture, fleet.architecture))
  if (stranger)
    throw badRequest(
      `cannot move device ${stranger.uuid.slice(0, 7)} to ${fleet.slug}: it is ${stranger.architecture}, and the fleet is built for ${fleet.architecture}`,
    )
  const moved = devices
    .filter(({ application }) => application !== changes.belongs_to__application)
    .map(({ id }) => id)
  await sql`
    update device set belongs_to__application = ${changes.belongs_to__application!}, is_pinned_on__release = null,
      is_running__release = null, report_version = report_version + 1
    where id = any(${moved})`
  await sql`update image_install set status = 'deleted', download_progress = null where device = any(${moved})`
}

async function checkPin({ sql }: Tx, devices: Locked[], changes: DeviceChanges): Promise<void> {
  const [release] = await sql<{ application: number; status: string; gone: Date | null }[]>`
    select belongs_to__application as application, status, images_let_go_at as gone
    from release where id = ${changes.is_pinned_on__release!} for share`
  const home = (device: Locked) => changes.belongs_to__application ?? device.application
  for (const device of devices) {
    const here = `cannot pin device ${device.uuid.slice(0, 7)} to release ${changes.is_pinned_on__release}`
    if (release?.application !== home(device)) throw badRequest(`${here}: it is not a release of its fleet`)
    if (release!.status !== 'success') throw badRequest(`${here}: its status is ${release!.status}`)
    if (release!.gone) throw badRequest(`${here}: ${imagesGone(release!.gone)}`)
  }
}

async function checkSupervisor({ sql }: Tx, devices: Locked[], id: number): Promise<void> {
  const [release] = await sql<
    { good: boolean; gone: Date | null; version: number[]; architecture: string }[]
  >`
    select r.status = 'success' as good, r.images_let_go_at as gone, array[r.semver_major, r.semver_minor, r.semver_patch] as version,
      substring(a.slug from '^balena_os/(.*)-supervisor$') as architecture
    from release r join application a on a.id = r.belongs_to__application where r.id = ${id} for share of r`
  if (!release?.good || devices.some(({ architecture }) => architecture !== release.architecture))
    throw badRequest(`cannot set release ${id} as supervisor: it is no supervisor for this device`)
  if (release.gone) throw badRequest(`cannot set release ${id} as supervisor: ${imagesGone(release.gone)}`)
  const rows = await sql<{ version: string | null }[]>`
    select supervisor_version as version from device where id = any(${devices.map((device) => device.id)})`
  for (const { version } of rows) {
    const now = (/^(\d+)\.(\d+)\.(\d+)/.exec(version ?? '') ?? []).slice(1).map(Number)
    const at = now.findIndex((part, i) => part !== release.version[i])
    if (at >= 0 && release.version[at]! < now[at]!)
      throw badRequest('Attempt to downgrade supervisor, which is not allowed')
  }
}

async function checkHost({ sql }: Tx, devices: Locked[], id: number): Promise<void> {
  const [release] = await sql<{ good: boolean; gone: Date | null; architecture: string }[]>`
    select r.status = 'success' and a.is_host as good, r.images_let_go_at as gone, c.slug as architecture
    from release r join application a on a.id = r.belongs_to__application
    join device_type t on t.id = a.is_for__device_type join cpu_architecture c on c.id = t.is_of__cpu_architecture
    where r.id = ${id} for share of r`
  if (!release?.good || devices.some(({ architecture }) => architecture !== release.architecture))
    throw badRequest(`cannot set release ${id} as host OS: it is no host OS for this device`)
  if (release.gone) throw badRequest(`cannot set release ${id} as host OS: ${imagesGone(release.gone)}`)
}

/** One by one for a few; by fleet for many, since devices look and find nothing new at the price of one question. */
async function tellDevices(tx: Tx, devices: Locked[]): Promise<void> {
  const fleets = await tx.sql<{ application: number }[]>`
    select distinct belongs_to__application as application from device
    where id = any(${devices.map(({ id }) => id)}) and belongs_to__application is not null`
  for (const { id } of devices) await installServices(tx, { device: id })
  if (devices.length <= 50) for (const { id } of devices) await tx.changed('target', { device: id })
  else for (const { application } of fleets) await tx.changed('target', { application })
}
