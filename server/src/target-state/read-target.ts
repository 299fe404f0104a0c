import type { Context } from '../context.ts'
import { readConfig, pollInterval } from './config-variables.ts'
import { deviceRows, withFragment, type DeviceRows } from './queries.ts'
import { etagOf, targetOfDevice, type DeviceTarget } from './target-state.ts'

export interface Target {
  etag: string
  /** The document as JSON text, keyed by the device's uuid. */
  text: string
}

/** The host that devices are told for images: the one they reached us by where that is our name on this machine. */
export function registryFor(ctx: Context, host: string | undefined): string {
  return host?.split(':')[0] === ctx.config.internalName ? host : ctx.config.registryHost
}

/** Adds the shared parts to a device's rows. */
export async function targetRows(ctx: Context, rows: DeviceRows): Promise<DeviceTarget> {
  const apps = await Promise.all((rows.apps ?? []).map((app) => withFragment(ctx, app)))
  return {
    device: rows,
    fleet: apps.find(({ row }) => row.id === rows.application),
    others: apps.filter(({ row }) => row.id !== rows.application),
  }
}

/** The document that a device gets, over HTTPS and over the line alike. */
export async function readTarget(ctx: Context, rows: DeviceRows, registry: string): Promise<Target> {
  const text = JSON.stringify({ [rows.uuid]: targetOfDevice(await targetRows(ctx, rows), registry) })
  return { text, etag: etagOf(text) }
}

/** How often the device looks when it has no line, in ms. */
export async function pollIntervalOf(ctx: Context, rows: DeviceRows): Promise<number> {
  const { fleet } = await targetRows(ctx, rows)
  return pollInterval(readConfig(fleet?.fragment.config ?? {}, rows.config ?? {}))
}

/** For the line: the target of a device that is known to be itself. Undefined when it is gone; frozen ones keep what they have. */
export async function lookAtTarget(
  ctx: Context,
  uuid: string,
  registry: string,
): Promise<Target | 'frozen' | undefined> {
  const rows = await deviceRows(ctx, uuid, null)
  if (!rows) return undefined
  return rows.is_frozen ? 'frozen' : readTarget(ctx, rows, registry)
}
