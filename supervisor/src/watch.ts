// Where the target comes from: the line while it is open, asking by HTTP otherwise.
import type { TargetDevice } from '@copal/wire/target-state.ts'
import type { Device } from './device.ts'
import { Line } from './line.ts'
import { log, reasonOf } from './log.ts'
import { Bell, pause } from './pause.ts'
import { summaryOf } from './platform.ts'
import { checkTarget, keepTarget, readTarget, TargetError } from './target.ts'

export interface WatchEvents {
  target(device: TargetDevice): void
  metrics(): Promise<Record<string, unknown> | undefined>
}

/** At the start the line is given so many ms before we ask by HTTP. */
const lineFirst = 3000
/** After a change was announced, the answer over the line may take so many ms. */
const lineAnswer = 20_000

export class Watch {
  readonly #device: Device
  readonly #events: WatchEvents
  readonly #line: Line
  readonly #news = new Bell()
  /** Of the last document that came in, good or bad: the same bad one need not come again. */
  #etag: string | null = null
  #interval = 900_000
  #lastSuccess = 0
  /** One document is taken after the other. */
  #taking: Promise<void> = Promise.resolve()

  constructor(device: Device, events: WatchEvents) {
    this.#device = device
    this.#events = events
    this.#interval = Number(device.config.get().appUpdatePollInterval) || this.#interval
    this.#line = new Line(device, {
      etag: () => this.#etag,
      opened: () => this.#line.look(),
      closed: () => {},
      changed: () => this.#lookByLine(),
      target: (etag, state) => this.#take(etag, state),
      unchanged: () => this.#succeeded(),
      metrics: () => events.metrics(),
    })
  }

  /** Ms between regular looks. */
  get interval(): number {
    return this.#interval
  }

  get isLineOpen(): boolean {
    return this.#line.isOpen
  }

  /** Epoch ms of the last look that was answered; 0 when there was none since the start. */
  get lastSuccess(): number {
    return this.#lastSuccess
  }

  /** Begins with the target of last time, if there is one. */
  async restore(): Promise<void> {
    const kept = await readTarget(this.#device.settings.state, this.#device.uuid)
    if (kept === undefined) return
    this.#etag = kept.etag
    this.#follow(kept.device)
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#device.platform === null) return
    await Promise.all([this.#line.run(signal), this.#poll(signal)])
    await this.#taking
  }

  async #poll(signal: AbortSignal): Promise<void> {
    let failures = 0
    await this.#news.wait(signal, lineFirst)
    while (!signal.aborted) {
      const due = this.#lastSuccess + this.#interval - Date.now()
      if (due > 0) {
        await pause(due + Math.random() * 60_000, signal)
        continue
      }
      const fine = this.#line.look() ? await this.#answered(signal) : await this.#ask(signal)
      if (signal.aborted) return
      failures = fine ? 0 : failures + 1
      if (!fine) {
        const wait = Math.min(this.#interval, 15_000 * 2 ** (failures - 1))
        await this.#news.wait(signal, wait)
      }
    }
  }

  /** A change was announced; when the line then does not deliver, we ask by HTTP. */
  #lookByLine(): void {
    const before = this.#lastSuccess
    if (!this.#line.look()) return
    setTimeout(() => {
      if (this.#lastSuccess === before) void this.#ask(new AbortController().signal)
    }, lineAnswer).unref()
  }

  async #answered(signal: AbortSignal): Promise<boolean> {
    const before = Date.now()
    await this.#news.wait(signal, lineAnswer)
    return this.#lastSuccess >= before || (!signal.aborted && this.#ask(signal))
  }

  /** One look by HTTP. True when it was answered as it should be. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { platform, uuid } = this.#device
    if (platform === null) return false
    try {
      const known = this.#etag
      const headers = known === null ? {} : { 'if-none-match': known }
      const answer = await platform.ask('GET', `/device/v3/${uuid}/state`, { headers, signal })
      if (answer.status === 304 && known !== null) {
        this.#succeeded()
        return true
      }
      if (answer.status !== 200) throw new Error(`the platform answered ${summaryOf(answer)}`)
      this.#take(answer.headers.etag ?? null, JSON.parse(answer.text))
      await this.#taking
      return true
    } catch (error) {
      if (!signal.aborted) log.warn(`cannot fetch the target: ${reasonOf(error)}`)
      return false
    }
  }

  /** A document came in: checked, kept, followed. */
  #take(etag: string | null, document: unknown): void {
    this.#succeeded()
    this.#taking = this.#taking.then(async () => {
      if (etag !== null && etag === this.#etag) return
      const { uuid, settings, say } = this.#device
      try {
        const device = checkTarget(document, uuid)
        await keepTarget(settings.state, etag, document)
        this.#etag = etag
        this.#follow(device)
      } catch (error) {
        if (error instanceof TargetError) this.#etag = etag
        say(`Could not move to new release: ${reasonOf(error)}`, { error: true })
      }
    })
  }

  #follow(device: TargetDevice): void {
    const { config } = device
    const wanted = Number(
      config['BALENA_SUPERVISOR_POLL_INTERVAL'] ?? config['RESIN_SUPERVISOR_POLL_INTERVAL'],
    )
    if (wanted > 0) this.#interval = wanted
    this.#events.target(device)
  }

  #succeeded(): void {
    this.#lastSuccess = Date.now()
    this.#news.ring()
  }
}
