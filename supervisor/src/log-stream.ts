// The way of log lines to the platform (device API, "Ingestion stream").
//
// Lines go out at once over an open request. The platform answers only at a request's end, so requests are ended by themselves, soon
// after the first line and later more seldom. At the start, and whenever a request did not end well, we ask what the platform has:
// with the answer it stops storing what is still on its way, so what we send from there is neither missing nor twice
// (docs/decisions/device-logs.md). A platform that cannot be asked (404) gets again what it did not acknowledge.
import { randomBytes } from 'node:crypto'
import type { ClientRequest } from 'node:http'
import { constants, createGzip, type Gzip } from 'node:zlib'
import type { SentLine } from '@copal/wire/log-line.ts'
import { log, reasonOf } from './log.ts'
import { LogQueue } from './log-queue.ts'
import { Bell, jittered, pause } from './pause.ts'
import { summaryOf, type Platform } from './platform.ts'
import { isRecord, text, textMap } from './wanted.ts'

/** A request with so many bytes is ended, so that they are acknowledged and make room. */
const mostPerRequest = 128 * 1024
/** A request lives so long, in ms: doubled for each that follows at once, so that a busy device asks seldom. */
const life = { shortest: 1000, longest: 30_000, quiet: 60_000 }
const flushEvery = 100

export class LogStream {
  /** Called with the last acknowledged place of each source, by a platform that does not keep them itself. */
  onAcknowledged: (sent: ReadonlyMap<string, string>) => void = () => {}
  readonly #platform: Platform | null
  readonly #path: string
  readonly #queue = new LogQueue(randomBytes(6).toString('hex'))
  /** The platform was asked since something went wrong: its claim, or null when it knows of none. */
  #claim: string | null | undefined
  #places: ReadonlyMap<string, string> | undefined
  readonly #asked = new Bell()

  constructor(platform: Platform | null, uuid: string) {
    this.#platform = platform
    this.#path = `/device/v2/${uuid}`
  }

  /** What the platform had of each source when it was first asked; waits for that answer. */
  async places(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    while (this.#platform !== null && this.#places === undefined) {
      await this.#asked.wait(signal)
      signal.throwIfAborted()
    }
    return this.#places ?? new Map()
  }

  /** Takes a container's line; resolves when there is room for the next. */
  async push(line: SentLine & { source: string; place: string }, signal: AbortSignal): Promise<void> {
    if (this.#platform !== null) await this.#queue.push(line, signal)
  }

  /** Takes a line of the supervisor itself; never waits. */
  say(message: string, { error = false } = {}): void {
    log[error ? 'error' : 'info'](message)
    if (this.#platform === null) return
    this.#queue.pushOurs({
      message,
      timestamp: Date.now(),
      isSystem: true,
      ...(error ? { isStdErr: true } : {}),
    })
  }

  /** Sends until aborted; then ends the open request and waits a moment for its answer. */
  async run(signal: AbortSignal): Promise<void> {
    const platform = this.#platform
    if (platform === null) return
    let failures = 0
    let lifetime = life.shortest
    let endedAt = 0
    while (!signal.aborted) {
      if (this.#queue.length === 0) await this.#queue.came(signal)
      if (Date.now() - endedAt > life.quiet) lifetime = life.shortest
      try {
        if (this.#claim === undefined) await this.#ask(platform, signal)
        if (this.#queue.length === 0) continue
        const sent = this.#queue.taken(await this.#send(platform, lifetime, signal))
        if (this.#claim === null) this.onAcknowledged(sent)
        failures = 0
        endedAt = Date.now()
        lifetime = Math.min(life.longest, lifetime * 2)
      } catch (error) {
        failures += 1
        this.#claim = undefined
        platform.doubt(error as NodeJS.ErrnoException)
        log.warn(`cannot send logs: ${reasonOf(error)}`)
        await pause(jittered(Math.min(60_000, 1000 * 2 ** (failures - 1))), signal)
      }
    }
  }

  /** Asks what the platform has; what waits here and is among it need not be sent. */
  async #ask(platform: Platform, signal: AbortSignal): Promise<void> {
    const answer = await platform.ask('POST', `${this.#path}/log-claim`, { signal })
    if (answer.status !== 200 && answer.status !== 404)
      throw new Error(`the platform answered ${summaryOf(answer)}`)
    const said: unknown = answer.status === 200 ? JSON.parse(answer.text) : {}
    const { claim, places } = isRecord(said) ? said : {}
    const known = new Map(Object.entries(textMap(places)))
    this.#claim = text(claim) || null
    this.#queue.takenUpTo(known)
    this.#places ??= known
    this.#asked.ring()
  }

  /** One request. Gives how many entries the platform has taken. */
  async #send(platform: Platform, lifetime: number, signal: AbortSignal): Promise<number> {
    const claim = this.#claim === null ? '' : `?claim=${this.#claim}`
    const request = platform.open('POST', `${this.#path}/log-stream${claim}`, {
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
          const json = this.#queue.send(sent)
          gzip.write(json)
          bytes += json.length
        }
        gzip.flush(constants.Z_SYNC_FLUSH)
        const left = endAt - Date.now()
        if (left <= 0 || bytes > mostPerRequest || signal.aborted) break
        // What comes within a moment goes out together.
        await Promise.race([pause(Math.min(left, flushEvery), signal), outcome.early])
        if (sent === this.#queue.length) {
          await Promise.race([this.#queue.came(signal, endAt - Date.now()), outcome.early])
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
