// The line: one WebSocket to the platform, kept open as cheaply as the path allows (wire/src/line.ts).
import http from 'node:http'
import https from 'node:https'
import type { FromDevice } from '@copal/wire/line.ts'
import { WebSocket } from 'ws'
import type { Device } from './device.ts'
import { log, reasonOf } from './log.ts'
import { Bell, jittered, pause } from './pause.ts'
import type { Platform } from './platform.ts'
import { isRecord } from './wanted.ts'
import { version } from './version.ts'

export interface LineEvents {
  /** ETag of the target on disk. */
  etag(): string | null
  opened(): void
  closed(): void
  /** The platform says that there is something new. */
  changed(): void
  target(etag: string, state: unknown): void
  unchanged(): void
  /** Metrics to ride on a ping; undefined when none moved. */
  metrics(): Promise<Record<string, unknown> | undefined>
}

/** Pause before a new try, in ms: doubled up to the longest. */
const retry = { first: 1000, longest: 60_000 }
/** An answer that takes longer than this, in ms, does not come: the line is dead. */
const answerWithin = 10_000

export class Line {
  readonly #device: Device
  readonly #events: LineEvents
  readonly #rhythm = new Rhythm()
  #socket: WebSocket | undefined

  constructor(device: Device, events: LineEvents) {
    this.#device = device
    this.#events = events
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Asks for the target; answered by `target` or `unchanged`. False when the line is not open. */
  look(): boolean {
    return this.#send({ t: 'look', etag: this.#events.etag() })
  }

  /** Keeps the line open until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { platform } = this.#device
    if (platform === null) return
    let failures = 0
    while (!signal.aborted) {
      const since = Date.now()
      const opened = await this.#once(platform, signal)
      if (signal.aborted) return
      // One that stood for a while was good; what follows is a fresh trouble.
      failures = opened && Date.now() - since > retry.longest ? 0 : failures + 1
      await pause(jittered(Math.min(retry.longest, retry.first * 2 ** Math.min(failures, 10))), signal)
    }
  }

  /** One connection, from the first try to its end. True when it was open. */
  async #once(platform: Platform, signal: AbortSignal): Promise<boolean> {
    const url = `${platform.endpoint.replace(/^http/, 'ws')}/device/v3/${this.#device.uuid}/line`
    const socket = new WebSocket(url, {
      ...platform.trust(),
      headers: platform.authorization(),
      // Of its own: the usual one would have the kernel probe the connection every second.
      agent: platform.secure ? new https.Agent({ keepAlive: false }) : new http.Agent({ keepAlive: false }),
      perMessageDeflate: false,
      handshakeTimeout: 20_000,
      maxPayload: 16 * 2 ** 20,
    })
    this.#socket = socket
    const heard = new Bell()
    const over = new AbortController()
    const stop = () => socket.close(1000)
    signal.addEventListener('abort', stop, { once: true })
    let opened = false
    await new Promise<void>((resolve) => {
      socket.on('open', () => {
        opened = true
        this.#send({ t: 'hello', supervisor: version, etag: this.#events.etag() })
        this.#events.opened()
        void this.#keepOpen(socket, heard, over.signal)
      })
      socket.on('message', (data, isBinary) => {
        heard.ring()
        if (!isBinary) this.#hear(String(data))
      })
      socket.on('error', (error) => {
        platform.doubt(error)
        if (!signal.aborted) log.warn(`the line failed: ${reasonOf(error)}`)
      })
      socket.on('close', () => resolve())
    })
    over.abort()
    signal.removeEventListener('abort', stop)
    this.#socket = undefined
    if (opened) this.#events.closed()
    return opened
  }

  async #keepOpen(socket: WebSocket, heard: Bell, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const gap = this.#rhythm.gap
      await pause(gap, over)
      if (over.aborted) return
      const metrics = await this.#events.metrics()
      this.#send({ t: 'ping', next: this.#rhythm.nextGap, ...(metrics === undefined ? {} : { metrics }) })
      const began = Date.now()
      await heard.wait(over, answerWithin)
      if (over.aborted) return
      if (Date.now() - began >= answerWithin) {
        log.warn(`the line was silent after ${Math.round(gap / 1000)} s at rest; it is made anew`)
        this.#rhythm.failed()
        socket.terminate()
        return
      }
      this.#rhythm.succeeded()
    }
  }

  #hear(text: string): void {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return
    }
    if (!isRecord(message)) return
    switch (message['t']) {
      case 'changed':
        return this.#events.changed()
      case 'target':
        return this.#events.target(String(message['etag']), message['state'])
      case 'unchanged':
        return this.#events.unchanged()
      case 'probe':
        this.#send({ t: 'here', id: Number(message['id']) })
    }
  }

  #send(message: FromDevice): boolean {
    if (!this.isOpen) return false
    this.#socket?.send(JSON.stringify(message))
    return true
  }
}

/**
 * How often to ping: as seldom as the path allows. Every gap that was survived makes the next one longer, up to five
 * minutes; one that was not sets the limit below it for as long as we live, and half a minute is always allowed.
 */
export class Rhythm {
  #gap = 30_000
  #limit = 300_000

  /** Ms until the next ping. */
  get gap(): number {
    return this.#gap
  }

  /** The gap after that, if this one is survived. */
  get nextGap(): number {
    return Math.min(this.#limit, this.#gap * 1.5)
  }

  succeeded(): void {
    this.#gap = this.nextGap
  }

  failed(): void {
    this.#limit = Math.max(30_000, this.#gap / 1.5)
    this.#gap = this.#limit
  }
}
