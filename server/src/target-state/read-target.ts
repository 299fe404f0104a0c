import { createHash } from 'node:crypto'
import type { Context } from '../context.ts'
import { onePer } from '../kit/one-per.ts'
import { readConfig, pollInterval } from './config-variables.ts'
import { deviceRows, withFragment, type DeviceRows } from './queries.ts'
import { etagOf, targetOfDevice, type DeviceTarget } from './target-state.ts'

export interface Target {
  etag: string
  /** How often the device looks when it has no line, in ms. */
  interval: number
  /** The document as JSON, keyed by the device's uuid. */
  text(): Promise<string>
}

/** What is known of a device's document without making it: holds as long as the rows are the same. */
interface Seen {
  print: string
  etag: string
  interval: number
}

const seenMost = 100_000 // devices, some 200 bytes each
const memory = onePer<Context, Map<number, Seen>>(() => new Map())

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

/**
 * The document that a device gets, over HTTPS and over the line alike. The rows name the versions of all that is shared, so
 * while they are what they were the ETag is too, and nothing is put together to say "unchanged".
 */
export async function readTarget(ctx: Context, rows: DeviceRows, registry: string): Promise<Target> {
  const seen = memory(ctx)
  const print = createHash('sha1')
    .update(JSON.stringify([rows, registry]))
    .digest('base64')
  const known = seen.get(rows.id)
  if (known?.print === print)
    return { ...known, text: async () => documentOf(await targetRows(ctx, rows), registry) }
  const parts = await targetRows(ctx, rows)
  const text = documentOf(parts, registry)
  const fresh = { print, etag: etagOf(text), interval: intervalOf(parts) }
  seen.delete(rows.id)
  seen.set(rows.id, fresh)
  if (seen.size > seenMost) seen.delete(seen.keys().next().value!)
  return { ...fresh, text: async () => text }
}

const documentOf = (parts: DeviceTarget, registry: string): string =>
  JSON.stringify({ [parts.device.uuid]: targetOfDevice(parts, registry) })

/** How often the device looks when it has no line, in ms. */
export const intervalOf = ({ device, fleet }: DeviceTarget): number =>
  pollInterval(readConfig(fleet?.fragment.config ?? {}, device.config ?? {}))

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
