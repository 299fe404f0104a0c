// The way of log lines to the platform (device API, "Ingestion stream").
//
// Lines go out at once over an open request. The platform answers only at a request's end, and only that answer tells
// that the lines are stored; so requests are ended by themselves, soon after the first line and later more seldom, and
// what was not acknowledged is sent again.
import type { ClientRequest } from 'node:http'
import { constants, createGzip, type Gzip } from 'node:zlib'
import type { SentLine } from '@copal/wire/log-line.ts'
import { log, reasonOf } from './log.ts'
import type { Position } from './logs.ts'
import { Bell, jittered, pause } from './pause.ts'
import type { Platform } from './platform.ts'

interface Entry {
  /** With its line end. */
  json: string
  container?: string
  position?: Position
}

/** Bytes that wait or are not acknowledged; beyond, readers of containers wait. */
const most = 256 * 1024
/** A request with so many bytes is ended, so that they are acknowledged and make room. */
const mostPerRequest = 128 * 1024
/** Lines of our own have no other place to wait in: beyond this they are dropped, and the gap is marked. */
const mostOfOurs = 64 * 1024
const longestMessage = 10_000
/** A request lives so long, in ms: doubled for each that follows at once, so that a busy device asks seldom. */
const life = { shortest: 1000, longest: 30_000, quiet: 60_000 }
const flushEvery = 100

export class LogStream {
  /** Called with the last acknowledged position of each container. */
  onAcknowledged: (sent: ReadonlyMap<string, Position>) => void = () => {}
  readonly #platform: Platform | null
  readonly #path: string
  #queue: Entry[] = []
  #bytes = 0
  #bytesOfOurs = 0
  /** Lines of ours that were dropped where the last entry of the queue says so. */
  #dropped = 0
  readonly #came = new Bell()
  readonly #room = new Bell()

  constructor(platform: Platform | null, uuid: string) {
    this.#platform = platform
    this.#path = `/device/v2/${uuid}/log-stream`
  }

  /** Takes a container's line; resolves when there is room for the next. */
  async push(
    line: SentLine,
    from: { container: string; position: Position },
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#platform === null) return
    while (this.#bytes > most) {
      await this.#room.wait(signal)
      signal.throwIfAborted()
    }
    this.#add({ json: written(line), ...from })
  }

  /** Takes a line of the supervisor itself; never waits. */
  say(message: string, options: { error?: boolean } = {}): void {
    log[options.error ? 'error' : 'info'](message)
    if (this.#platform === null) return
    const json = ours(message, options.error)
    if (this.#bytesOfOurs + json.length <= mostOfOurs) {
      this.#dropped = 0
      this.#bytesOfOurs += json.length
      this.#add({ json })
      return
    }
    const marked =
      this.#dropped > 0 ? this.#queue.findLast((entry) => entry.container === undefined) : undefined
    const mark = ours(`${++this.#dropped} lines of the supervisor were dropped here: too many waited`, true)
    if (marked === undefined) this.#add({ json: mark })
    else marked.json = mark
  }

  /** Sends until aborted; then ends the open request and waits a moment for its answer. */
  async run(signal: AbortSignal): Promise<void> {
    const platform = this.#platform
    if (platform === null) return
    let failures = 0
    let lifetime = life.shortest
    let endedAt = 0
    while (!signal.aborted) {
      if (this.#queue.length === 0) await this.#came.wait(signal)
      if (this.#queue.length === 0) return
      if (Date.now() - endedAt > life.quiet) lifetime = life.shortest
      try {
        const sent = await this.#send(platform, lifetime, signal)
        this.#acknowledge(sent)
        failures = 0
        endedAt = Date.now()
        lifetime = Math.min(life.longest, lifetime * 2)
      } catch (error) {
        failures += 1
        platform.doubt(error as NodeJS.ErrnoException)
        log.warn(`cannot send logs: ${reasonOf(error)}`)
        await pause(jittered(Math.min(60_000, 1000 * 2 ** (failures - 1))), signal)
      }
    }
  }

  /** One request. Gives how many entries the platform has taken. */
  async #send(platform: Platform, lifetime: number, signal: AbortSignal): Promise<number> {
    const request = platform.open('POST', this.#path, {
      ...platform.authorization(),
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    })
    // Small windows: a line is small, and so is the device.
    const gzip = createGzip({ level: 5, memLevel: 5, windowBits: 13 })
    gzip.pipe(request)
    const outcome = outcomeOf(request, gzip)
    const endAt = Date.now() + lifetime
    let sent = 0
    let bytes = 0
    try {
      for (;;) {
        for (; sent < this.#queue.length; sent++) {
          const { json } = this.#queue[sent] ?? { json: '' }
          gzip.write(json)
          bytes += json.length
        }
        gzip.flush(constants.Z_SYNC_FLUSH)
        const left = endAt - Date.now()
        if (left <= 0 || bytes > mostPerRequest || signal.aborted) break
        // What comes within a moment goes out together.
        await Promise.race([pause(Math.min(left, flushEvery), signal), outcome.early])
        if (sent === this.#queue.length) {
          await Promise.race([this.#came.wait(signal, endAt - Date.now()), outcome.early])
        }
      }
      gzip.end()
      await Promise.race([outcome.whole, overdue(signal)])
      return sent
    } finally {
      gzip.destroy()
      request.destroy()
    }
  }

  #acknowledge(count: number): void {
    const sent = this.#queue.splice(0, count)
    const positions = new Map<string, Position>()
    for (const { json, container, position } of sent) {
      this.#bytes -= json.length
      if (container === undefined) this.#bytesOfOurs = Math.max(0, this.#bytesOfOurs - json.length)
      else if (position !== undefined) positions.set(container, position)
    }
    this.#dropped = 0
    this.#room.ring()
    if (positions.size > 0) this.onAcknowledged(positions)
  }

  #add(entry: Entry): void {
    this.#queue.push(entry)
    this.#bytes += entry.json.length
    this.#came.ring()
  }
}

/** `early` fails when the platform answers or the connection breaks before we have ended; `whole` tells how it went. */
function outcomeOf(request: ClientRequest, gzip: Gzip): { early: Promise<void>; whole: Promise<void> } {
  const answered = new Promise<number>((resolve, reject) => {
    request.on('error', reject)
    request.on('close', () => reject(new Error('the connection was closed')))
    request.on('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
  })
  const whole = answered.then((status) => {
    if (status < 200 || status > 299) throw new Error(`the platform answered ${status}`)
  })
  const early = answered.then((status) => {
    if (!gzip.writableEnded) throw new Error(`the platform answered ${status} before the end`)
  })
  // Whichever nobody waits for any more may fail quietly.
  whole.catch(() => {})
  early.catch(() => {})
  return { early, whole }
}

/** Fails when the answer takes too long: a minute, or a second when we are stopping. */
async function overdue(signal: AbortSignal): Promise<never> {
  await pause(60_000, signal)
  if (signal.aborted) await pause(1000, new AbortController().signal)
  throw new Error('no answer at the end of a request')
}

function ours(message: string, error = false): string {
  return written({ message, timestamp: Date.now(), isSystem: true, ...(error ? { isStdErr: true } : {}) })
}

function written(line: SentLine): string {
  const { message } = line
  const cut = message.length > longestMessage ? `${message.slice(0, longestMessage - 5)}[...]` : message
  return `${JSON.stringify({ ...line, message: cut })}\n`
}
