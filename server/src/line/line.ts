// One device's line, seen from the platform: hears its messages and answers them. The socket and a handful of numbers are all
// that it keeps.
import { fromDevice, type FromPlatform } from '@copal/wire/line.ts'
import type { WebSocket } from 'ws'
import type { Device } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { readReport } from '../reports/read-report.ts'
import { recordReport } from '../reports/record-report.ts'
import { Problem } from '../problems.ts'
import { lookAtTarget } from '../target-state/read-target.ts'
import { matches } from '../target-state/target-state.ts'
import { silentUntil } from './silence.ts'

const probeFor = 5_000 // ms

/** Close codes, as WebSockets number them. */
export const closing = { goingAway: 1001, policy: 1008 } as const

export class Line {
  /** Of this connection, a row in `connection`. */
  readonly id: string
  readonly device: number
  /** Epoch ms until which it may be silent. */
  silentUntil: number
  readonly #uuid: string
  readonly #registry: string
  readonly #socket: WebSocket
  /** The ETag of a look that came while another was being answered; undefined when none did. */
  #next: { etag: string | null } | undefined
  #looking = false
  /** The question that is open, whoever asks, and what its answer does. */
  #probe: { id: number; answered: Promise<boolean>; answer(): void } | undefined
  #probes = 0

  constructor(id: string, device: Device, registry: string, socket: WebSocket, now: number) {
    this.id = id
    this.device = device.id
    this.silentUntil = silentUntil(now)
    this.#uuid = device.uuid
    this.#registry = registry
    this.#socket = socket
  }

  /** Takes in a text frame. What is not understood is ignored: the device may be newer. */
  async hear(ctx: Context, text: string): Promise<void> {
    const now = ctx.now().getTime()
    this.silentUntil = Math.max(this.silentUntil, silentUntil(now, 1000))
    const message = read(text)
    switch (message?.t) {
      case 'hello':
      case 'look':
        return this.#look(ctx, message.etag)
      case 'ping':
        this.silentUntil = silentUntil(now, message.next)
        this.send({ t: 'pong' })
        if (message.metrics) await this.#measure(ctx, message.metrics)
        return
      case 'here':
        if (message.id === this.#probe?.id) this.#probe.answer()
    }
  }

  /** Whether the device is there: it answers within 5 s, or the line is cut and the device counts as gone. */
  probe(): Promise<boolean> {
    if (this.#probe) return this.#probe.answered
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => {
      this.#probe = undefined
      this.terminate()
      resolve(false)
    }, probeFor)
    const answer = () => {
      this.#probe = undefined
      clearTimeout(timer)
      resolve(true)
    }
    this.#probe = { id: ++this.#probes, answered: promise, answer }
    this.send({ t: 'probe', id: this.#probes })
    return promise
  }

  send(message: FromPlatform): void {
    this.#socket.send(JSON.stringify(message), ignore)
  }

  /** Says good-bye; the device comes back later, or to another copy. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  /** For one that no longer hears. */
  terminate(): void {
    this.#socket.terminate()
  }

  /** The same answer as over HTTPS. Looks that come meanwhile are answered once, for the latest ETag. */
  async #look(ctx: Context, etag: string | null): Promise<void> {
    this.#next = { etag }
    if (this.#looking) return
    this.#looking = true
    try {
      while (this.#next) {
        const look: { etag: string | null } = this.#next
        this.#next = undefined
        const target = await lookAtTarget(ctx, this.#uuid, this.#registry)
        if (!target) return this.close(closing.policy, 'this device was removed')
        if (target === 'frozen' || matches(look.etag ?? undefined, target.etag)) this.send({ t: 'unchanged' })
        else
          this.#socket.send(
            `{"t":"target","etag":${JSON.stringify(target.etag)},"state":${await target.text()}}`,
            ignore,
          )
      }
    } finally {
      this.#looking = false
    }
  }

  async #measure(ctx: Context, metrics: Record<string, unknown>): Promise<void> {
    const reporter = { uuid: this.#uuid, id: this.device }
    try {
      await recordReport(ctx, reporter, readReport({ [this.#uuid]: metrics })[this.#uuid]!, undefined)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      ctx.log.debug({ 'device.uuid': this.#uuid }, `metrics of a ping were dropped: ${error.message}`)
    }
  }
}

function read(text: string) {
  try {
    return fromDevice.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** A frame that can't be sent is followed by the socket's `close`, which is where it is dealt with. */
const ignore = () => undefined
