import { randomBytes } from 'node:crypto'
import type { Actor } from '../auth/actor.ts'
import { hashKey, insertKey, makeKey } from '../auth/api-key.ts'
import type { Context } from '../context.ts'
import { uniqueViolation, type Tx } from '../kit/db/db.ts'
import { badRequest, conflict, unauthorized } from '../problems.ts'
import { makeDeviceName } from './device-name.ts'
import { installServices } from './install-services.ts'
import { isOurSupervisor, runsOn, supervisorRelease } from './queries.ts'

export interface NewDevice {
  /** Made when absent. */
  uuid?: string | undefined
  belongs_to__application: number
  /** An id, or a slug or alias. */
  is_of__device_type: number | string
  device_name?: string | undefined
  /** The device's own key: given, made (`true`), or none yet (absent: a person adds the device first). */
  api_key?: string | true | undefined
  supervisor_version?: string | undefined
  os_version?: string | undefined
  os_variant?: string | undefined
  mac_address?: string | undefined
}

export interface RegisteredDevice {
  id: number
  uuid: string
  /** Shown this once; empty when none was asked for. */
  api_key: string
}

/**
 * A new device in a fleet: by the fleet's provisioning key, or by a person who may write in its organization. A device that
 * lost the answer may ask again with the same uuid and key and gets the same answer. Conflicts are told in the wire's words.
 */
export async function registerDevice(
  ctx: Context,
  asking: Actor,
  wish: NewDevice,
): Promise<RegisteredDevice> {
  const uuid = wish.uuid ?? randomBytes(16).toString('hex')
  if (!/^(?:[0-9a-f]{32}|[0-9a-f]{62})$/.test(uuid))
    throw badRequest('cannot register the device: its uuid must be 32 or 62 lower-case hex digits')
  const key = wish.api_key === true ? makeKey() : wish.api_key
  if (key !== undefined && !/^[A-Za-z0-9]{16,255}$/.test(key))
    throw badRequest('cannot register the device: its key must be 16 to 255 letters and digits')
  try {
    return await ctx.db.transaction(async (tx) => {
      const place = await placeFor(tx, asking, wish)
      const id =
        (key && (await sameAgain(tx, uuid, key, wish))) ||
        (await insertDevice(ctx, tx, uuid, key, wish, place))
      await installServices(tx, { device: id })
      return { id, uuid, api_key: key ?? '' }
    })
  } catch (error) {
    const taken = uniqueViolation(error)
    if (taken) throw conflict(taken.table === 'device' ? '"uuid" must be unique.' : '"key" must be unique.')
    throw error
  }
}

interface Place {
  deviceType: number
  architecture: string
}

/** The fleet if the caller may add devices to it, and the device type by its alias. */
async function placeFor({ sql }: Tx, asking: Actor, wish: NewDevice): Promise<Place> {
  const [row] = await sql<
    { architecture: string; device_type: number | null; device_architecture: string; role: string | null }[]
  >`
    select fa.slug as architecture, t.id as device_type, ta.slug as device_architecture, r.name as role
    from application a
    join device_type ft on ft.id = a.is_for__device_type
    join cpu_architecture fa on fa.id = ft.is_of__cpu_architecture
    left join device_type t on ${
      typeof wish.is_of__device_type === 'number'
        ? sql`t.id = ${wish.is_of__device_type}`
        : sql`t.id = (select device_type from device_type_alias where is_referenced_by__alias = ${wish.is_of__device_type})`
    }
    left join cpu_architecture ta on ta.id = t.is_of__cpu_architecture
    left join organization_membership m on m.is_member_of__organization = a.organization
      and m."user" = ${asking.kind === 'user' ? asking.id : null}
    left join organization_membership_role r on r.id = m.organization_membership_role
    where a.id = ${wish.belongs_to__application}
    for share of a`
  const may =
    row &&
    ((asking.kind === 'application' && asking.id === wish.belongs_to__application) ||
      (asking.kind === 'user' && row.role !== null && row.role !== 'observer'))
  if (!may)
    throw unauthorized(
      `cannot add a device to fleet ${wish.belongs_to__application}: the key or user has no right there · use a provisioning key of that fleet`,
    )
  if (row.device_type === null)
    throw badRequest(
      `cannot register the device: its type ${JSON.stringify(wish.is_of__device_type)} is unknown · see \`copal device-type list\``,
    )
  if (!runsOn(row.device_architecture, row.architecture))
    throw badRequest(
      `cannot register the device: it is ${row.device_architecture}, and the fleet is built for ${row.architecture}`,
    )
  return { deviceType: row.device_type, architecture: row.device_architecture }
}

/** The device's id when this very registration was made before: same uuid, same key, same fleet. */
async function sameAgain(
  { sql }: Tx,
  uuid: string,
  key: string,
  wish: NewDevice,
): Promise<number | undefined> {
  const [row] = await sql<{ id: number }[]>`
    select d.id from device d join api_key k on k.is_of__actor = d.actor
    where d.uuid = ${uuid} and k.key_hash = ${hashKey(key)} and d.belongs_to__application = ${wish.belongs_to__application}`
  return row?.id
}

async function insertDevice(
  ctx: Context,
  tx: Tx,
  uuid: string,
  key: string | undefined,
  wish: NewDevice,
  place: Place,
): Promise<number> {
  const { sql } = tx
  const name = wish.device_name ?? makeDeviceName()
  const variant = wish.os_variant === 'dev' || wish.os_variant === 'prod' ? wish.os_variant : null
  const [made] = await sql<{ id: number; actor: number }[]>`
    with owner as (insert into actor default values returning id)
    insert into device (actor, uuid, device_name, belongs_to__application, is_of__device_type, supervisor_version, os_version,
      os_variant, mac_address, should_be_managed_by__release, created_at, modified_at)
    select owner.id, ${uuid}, ${name}, ${wish.belongs_to__application}, ${place.deviceType}, ${wish.supervisor_version ?? null},
      ${wish.os_version ?? null}, ${variant}, ${wish.mac_address ?? null},
      ${isOurSupervisor(wish.supervisor_version) ? supervisorRelease(sql, place.architecture, wish.supervisor_version) : null},
      ${ctx.now()}, ${ctx.now()}
    from owner
    returning id, actor`
  if (key) {
    await forgetFormerKey(tx, key)
    await insertKey(sql, { actor: made!.actor, role: 'device-api-key', value: key })
    await tx.changed('credentials', { device: made!.id })
  }
  return made!.id
}

/** The key of a device that was removed stays known (its owner is answered "unchanged"), until a new device takes it. */
async function forgetFormerKey({ sql }: Tx, key: string): Promise<void> {
  await sql`
    delete from api_key k where k.key_hash = ${hashKey(key)} and k.role = 'device-api-key'
      and not exists (select from device d where d.actor = k.is_of__actor)`
}
