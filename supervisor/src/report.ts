// What the device says that it runs, told to the platform until the platform has said that it has it.
import type { DeviceReport } from '@copal/wire/state-report.ts'
import type { Device } from './device.ts'
import { log, reasonOf } from './log.ts'
import { Bell, jittered, pause } from './pause.ts'
import { summaryOf } from './platform.ts'

/** Changes that come within so many ms go out together. */
const debounce = 50
/** Least time between two reports, in ms, when the newer one tells no more than that a service went a step further. */
const calm = 1000
/** The same for one of progress only, and for any when there were many. */
const throttle = 10_000
/** So many reports may follow each other before all are throttled; one is won back every `throttle`. */
const burst = 12
/** Reports that people wait for (a release is done, the device is busy) may use so many more. */
const reserve = 30

export class Reporter {
  readonly #device: Device
  readonly #changed = new Bell()
  #latest: DeviceReport = {}
  /** What the platform has: the base of the next difference. Empty at the start, so that the first report is whole. */
  #acknowledged: DeviceReport = {}
  #allowance = burst
  #allowanceAt = Date.now()
  #sentAt = 0

  constructor(device: Device) {
    this.#device = device
  }

  /** Says how things are; fields that are absent stay as they were. */
  update(report: DeviceReport): void {
    this.#latest = { ...this.#latest, ...report }
    if (difference(this.#acknowledged, this.#latest) !== undefined) this.#changed.ring()
  }

  /** The platform has these by another way (metrics on the line). */
  acknowledge(report: DeviceReport): void {
    this.#latest = { ...this.#latest, ...report }
    this.#acknowledged = { ...this.#acknowledged, ...report }
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#device.platform === null) return
    let failures = 0
    while (!signal.aborted) {
      const changes = difference(this.#acknowledged, this.#latest)
      if (changes === undefined) {
        await this.#changed.wait(signal)
        continue
      }
      await this.#moment(signal)
      if (signal.aborted) return
      const trouble = await this.#send(signal)
      if (trouble === null) failures = 0
      else {
        failures += 1
        const wait = trouble.retryAfter ?? Math.min(900_000, 1000 * 2 ** Math.min(failures - 1, 20))
        log.warn(`cannot report: ${trouble.words}; again in ${Math.round(wait / 1000)} s`)
        await pause(jittered(wait), signal)
      }
    }
  }

  /** Waits until this change may go out. */
  async #moment(signal: AbortSignal): Promise<void> {
    await pause(debounce, signal)
    const now = Date.now()
    this.#allowance = Math.min(burst, this.#allowance + (now - this.#allowanceAt) / throttle)
    this.#allowanceAt = now
    for (;;) {
      const kind = kindOf(this.#acknowledged, this.#latest)
      if (kind === 'nothing') return
      const allowed = this.#allowance > (kind === 'milestone' ? -reserve : 0)
      const gap = kind === 'progress' || !allowed ? throttle : kind === 'service' ? calm : 0
      const left = this.#sentAt + gap - Date.now()
      if (left <= 0 || signal.aborted) return
      await this.#changed.wait(signal, left)
    }
  }

  async #send(signal: AbortSignal): Promise<null | { words: string; retryAfter?: number }> {
    const { uuid, platform } = this.#device
    const latest = this.#latest
    const changes = difference(this.#acknowledged, latest)
    if (changes === undefined || platform === null) return null
    this.#allowance -= 1
    this.#sentAt = Date.now()
    try {
      const answer = await platform.ask('PATCH', '/device/v3/state', { body: { [uuid]: changes }, signal })
      if (answer.status >= 200 && answer.status < 300) {
        this.#acknowledged = { ...this.#acknowledged, ...latest }
        return null
      }
      const seconds = Number(answer.headers['retry-after'])
      return { words: summaryOf(answer), ...(seconds > 0 ? { retryAfter: seconds * 1000 } : {}) }
    } catch (error) {
      return { words: reasonOf(error) }
    }
  }
}

/**
 * The fields of `latest` that `base` does not have like that; undefined when there is none. `apps` goes whole: what it
 * does not mention counts as deleted (device API, "Server behaviour").
 */
export function difference(base: DeviceReport, latest: DeviceReport): DeviceReport | undefined {
  const changed = Object.entries(latest).filter(
    ([name, value]) => value !== undefined && !same(base[name as keyof DeviceReport], value),
  )
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}

/** The most that differs: a release's or the device's state, a service's, or only the per cent of a download. */
export function kindOf(
  base: DeviceReport,
  latest: DeviceReport,
): 'milestone' | 'service' | 'progress' | 'nothing' {
  if (difference(base, latest) === undefined) return 'nothing'
  const whole = { ...base, ...latest }
  if (without(whole, ['download_progress']) === without(base, ['download_progress'])) return 'progress'
  const details = ['download_progress', 'status', 'services', 'ip_address']
  const told = whole.status === base.status && without(whole, details) === without(base, details)
  return told ? 'service' : 'milestone'
}

function without(report: DeviceReport, keys: string[]): string {
  return JSON.stringify(report, (key, value: unknown) => (keys.includes(key) ? 0 : value))
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
