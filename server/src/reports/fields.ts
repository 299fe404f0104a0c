// The values of a report as the columns hold them: cut, rounded, dropped where they make no sense.
import type { DeviceReport } from '@copal/wire/state-report.ts'

/** Columns of `device` that reports write. */
export interface StateFields {
  status: string | null
  os_version: string | null
  os_variant: string | null
  supervisor_version: string | null
  provisioning_progress: number | null
  provisioning_state: string | null
  ip_address: string | null
  mac_address: string | null
  api_port: number | null
  api_secret: string | null
  cpu_id: string | null
  is_undervolted: boolean
}

/** Columns of `device_metrics`. */
export interface Metrics {
  memory_usage: number | null
  memory_total: number | null
  storage_usage: number | null
  storage_total: number | null
  storage_block_device: string | null
  cpu_usage: number | null
  cpu_temp: number | null
}

/** The fields of `device` that the report mentions and that are of use. */
export function stateFields(report: DeviceReport): Partial<StateFields> {
  const variant = report.os_variant
  return present({
    status: text(report.status, 50),
    os_version: text(report.os_version, 70),
    os_variant: variant === null || variant === 'dev' || variant === 'prod' ? variant : undefined,
    supervisor_version: text(report.supervisor_version, 20),
    provisioning_progress: integer(report.provisioning_progress),
    provisioning_state: text(report.provisioning_state, 255),
    ip_address: list(report.ip_address, 2000),
    mac_address: list(report.mac_address, 900),
    api_port: integer(report.api_port, 0, 65535),
    api_secret: text(report.api_secret, 64),
    cpu_id: cpuId(report.cpu_id),
    is_undervolted: report.is_undervolted,
  })
}

export function metrics(report: DeviceReport): Partial<Metrics> {
  return present({
    memory_usage: integer(report.memory_usage, 0),
    memory_total: integer(report.memory_total, 0),
    storage_usage: integer(report.storage_usage, 0),
    storage_total: integer(report.storage_total, 0),
    storage_block_device: text(report.storage_block_device, 64),
    cpu_usage: integer(report.cpu_usage, 0, 100),
    cpu_temp: integer(report.cpu_temp, -273, 1000),
  })
}

const largest = 2 ** 31 - 1

/** Rounded and clamped to what the column holds. */
function integer(
  value: number | null | undefined,
  least = -largest,
  most = largest,
): number | null | undefined {
  if (value === null || value === undefined) return value
  return Math.min(most, Math.max(least, Math.round(value)))
}

/** Cut to size; NUL bytes, which the database does not take, are dropped. */
export function text(value: string | null | undefined, most: number): string | null | undefined {
  return value?.replaceAll('\0', '').slice(0, most).toWellFormed() ?? value
}

/** Space-separated values: whole ones are kept, up to so many characters. */
function list(value: string | null | undefined, most: number): string | null | undefined {
  if (!value || value.length <= most) return text(value, most)
  return text(value, value.lastIndexOf(' ', most) + 1 || most)?.trimEnd()
}

function cpuId(value: string | null | undefined): string | null | undefined {
  if (!value) return value
  return /^[\x20-\x7e]+$/.test(value) ? text(value.toLowerCase(), 64) : undefined
}

const present = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
