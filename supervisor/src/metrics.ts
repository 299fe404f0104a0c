// How the device fares, read cheaply from /proc and /sys.
import { readFile, readdir, statfs } from 'node:fs/promises'
import type { DeviceReport } from '@copal/wire/state-report.ts'

export type Metrics = Pick<
  DeviceReport,
  | 'memory_usage'
  | 'memory_total'
  | 'storage_block_device'
  | 'storage_usage'
  | 'storage_total'
  | 'cpu_temp'
  | 'cpu_usage'
>

interface Ticks {
  busy: number
  all: number
}

export class MetricsReader {
  readonly #data: string
  #ticks: Ticks | undefined

  /** @param data a path on the partition whose fill is told */
  constructor(data: string) {
    this.#data = data
  }

  /** Memory and storage in MB, temperature in °C, processor in per cent since the last reading. */
  async read(): Promise<Metrics> {
    const [memory, storage, temperature, ticks, device] = await Promise.all([
      readMemory(),
      readStorage(this.#data),
      readTemperature(),
      readTicks(),
      readBlockDevice(this.#data),
    ])
    const before = this.#ticks
    this.#ticks = ticks
    const metrics: Metrics = { ...memory, ...storage, ...device, ...temperature }
    if (before !== undefined && ticks !== undefined && ticks.all > before.all) {
      metrics.cpu_usage = Math.round((100 * (ticks.busy - before.busy)) / (ticks.all - before.all))
    }
    return metrics
  }
}

/** Those of `now` that moved enough to be worth their bytes. */
export function movedMetrics(before: Metrics, now: Metrics): Metrics | undefined {
  const moved = Object.entries(now).filter(([name, value]) => {
    const old = before[name as keyof Metrics]
    if (typeof value !== 'number' || typeof old !== 'number') return value !== old
    const total = name.startsWith('memory')
      ? now.memory_total
      : name.startsWith('storage')
        ? now.storage_total
        : 100
    return Math.abs(value - old) >= Math.max(1, 0.02 * (total ?? 100))
  })
  return moved.length === 0 ? undefined : Object.fromEntries(moved)
}

async function readMemory(): Promise<Metrics> {
  const lines = await text('/proc/meminfo')
  const megabytes = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(lines)?.[1]
    return Math.round(Number(kilobytes ?? 0) / 1024)
  }
  const total = megabytes('MemTotal')
  const spare = ['MemFree', 'Cached', 'Buffers', 'SReclaimable'].reduce(
    (sum, name) => sum + megabytes(name),
    0,
  )
  return total === 0 ? {} : { memory_total: total, memory_usage: Math.max(0, total - spare) }
}

async function readStorage(path: string): Promise<Metrics> {
  try {
    const { bsize, blocks, bfree } = await statfs(path)
    const megabytes = (count: number) => Math.round((count * bsize) / 2 ** 20)
    return { storage_total: megabytes(blocks), storage_usage: megabytes(blocks - bfree) }
  } catch {
    return {}
  }
}

/** The device of the mount that `path` lies on: the longest mount point that it begins with. */
async function readBlockDevice(path: string): Promise<Metrics> {
  let best = ''
  let found: string | undefined
  for (const line of (await text('/proc/mounts')).split('\n')) {
    const [source = '', mount = ''] = line.split(' ')
    const inside = path === mount || path.startsWith(mount === '/' ? '/' : `${mount}/`)
    if (inside && mount.length >= best.length && source.startsWith('/dev/')) {
      best = mount
      found = source
    }
  }
  return found === undefined ? {} : { storage_block_device: found }
}

async function readTemperature(): Promise<Metrics> {
  const folder = '/sys/class/thermal'
  const zones = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('thermal_zone'))
  const [first] = zones.toSorted()
  if (first === undefined) return {}
  const thousandths = Number(await text(`${folder}/${first}/temp`))
  return thousandths > 0 ? { cpu_temp: Math.round(thousandths / 1000) } : {}
}

async function readTicks(): Promise<Ticks | undefined> {
  const [, numbers] = /^cpu\s+(.*)$/m.exec(await text('/proc/stat')) ?? []
  if (numbers === undefined) return undefined
  const ticks = numbers.trim().split(/\s+/).slice(0, 8).map(Number)
  const all = ticks.reduce((sum, count) => sum + count, 0)
  // idle and iowait
  return { all, busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0) }
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
