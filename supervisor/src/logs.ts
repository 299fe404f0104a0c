// What containers print, on its way to the platform: nothing lost and nothing twice, whoever restarts in between.
//
// The engine keeps the lines and we keep, per container, the place up to which the platform has acknowledged them.
// When the way to the platform is slow or gone we simply stop reading: the engine's file is the buffer.
import { join } from 'node:path'
import { containerLogs, type LogLine } from '@copal/engine/container-logs.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { readJson, writeWhole } from './files.ts'
import { log, reasonOf } from './log.ts'
import type { LogStream } from './log-stream.ts'
import type { Current, CurrentContainer } from './observe.ts'
import { isUp } from './placement.ts'
import { isRecord } from './wanted.ts'

/** The last line that counts as sent, and how many lines of that very time were sent before and with it. */
export interface Position {
  /** As the engine gives it, with nine digits of seconds. */
  time: string
  lines: number
}

interface Follower {
  /** Which life of the container this reads; a container that starts again is read again. */
  life: number
  stop: AbortController
  done: Promise<void>
}

export class Logs {
  readonly #engine: Engine
  readonly #stream: LogStream
  readonly #path: string
  readonly #followers = new Map<string, Follower>()
  /** Container → life that was read to its end. */
  readonly #finished = new Map<string, number>()
  #positions = new Map<string, Position>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(engine: Engine, stream: LogStream, state: string) {
    this.#engine = engine
    this.#stream = stream
    this.#path = join(state, 'logs.json')
  }

  static async open(engine: Engine, stream: LogStream, state: string): Promise<Logs> {
    const logs = new Logs(engine, stream, state)
    logs.#positions = positionsOf(await readJson(logs.#path))
    stream.onAcknowledged = (sent) => logs.#acknowledged(sent)
    return logs
  }

  /** Reads every container that has something to say, and forgets those that are gone. */
  follow(current: Current): void {
    const ids = new Set(current.containers.map((container) => container.id))
    for (const id of this.#positions.keys()) if (!ids.has(id)) this.#positions.delete(id)
    for (const id of this.#finished.keys()) if (!ids.has(id)) this.#finished.delete(id)
    for (const container of current.containers) this.#followOne(container)
  }

  /** Resolves when what a stopped container printed is read, or after a second: the way may be blocked for hours. */
  async drained(id: string): Promise<void> {
    const follower = this.#followers.get(id)
    if (follower === undefined) return
    await Promise.race([follower.done, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
    follower.stop.abort()
  }

  async close(): Promise<void> {
    const followers = [...this.#followers.values()]
    for (const { stop } of followers) stop.abort()
    await Promise.all(followers.map(({ done }) => done))
    await this.#writing
  }

  #followOne(container: CurrentContainer): void {
    const { id, startedAt: life } = container
    if (container.logs === 'none' || life === 0) return
    if (this.#followers.has(id)) return
    if (!isUp(container) && this.#finished.get(id) === life) return
    const stop = new AbortController()
    const done = this.#read(container, stop.signal).then((whole) => {
      this.#followers.delete(id)
      if (whole) this.#finished.set(id, life)
    })
    this.#followers.set(id, { life, stop, done })
  }

  /** True when it was read to the end of this life. */
  async #read(container: CurrentContainer, signal: AbortSignal): Promise<boolean> {
    const { id, serviceId } = container
    const from = this.#positions.get(id)
    const place = new Place(from)
    try {
      const lines = containerLogs(this.#engine, id, {
        follow: true,
        stdout: container.logs === 'all',
        signal,
        ...(from === undefined ? {} : { since: secondsOf(from.time) }),
      })
      for await (const line of lines) {
        const position = place.next(line)
        if (position === null) continue
        await this.#stream.push(
          {
            message: line.text,
            timestamp: Date.parse(`${line.time.slice(0, 23)}Z`),
            ...(line.stderr ? { isStdErr: true } : {}),
            serviceId,
          },
          { container: id, position },
          signal,
        )
      }
      return true
    } catch (error) {
      if (!signal.aborted) log.warn(`cannot read the log of ${container.name}: ${reasonOf(error)}`)
      return false
    }
  }

  #acknowledged(sent: ReadonlyMap<string, Position>): void {
    for (const [id, position] of sent) this.#positions.set(id, position)
    this.#writing = this.#writing.then(() =>
      writeWhole(this.#path, JSON.stringify(Object.fromEntries(this.#positions))).catch((error: unknown) =>
        log.error(`cannot keep how far logs were sent: ${reasonOf(error)}`),
      ),
    )
  }
}

/** Tells lines that were sent before from new ones. Times may repeat, and go back when the clock is set. */
export class Place {
  readonly #from: Position | undefined
  #skipping: boolean
  #time = ''
  #lines = 0

  constructor(from: Position | undefined) {
    this.#from = from
    this.#skipping = from !== undefined
  }

  /** The position that this line is at, or null when it was sent before. */
  next({ time: given }: Pick<LogLine, 'time'>): Position | null {
    const time = padded(given)
    this.#lines = time === this.#time ? this.#lines + 1 : 1
    this.#time = time
    if (this.#skipping && this.#from !== undefined) {
      if (time < this.#from.time) return null
      if (time === this.#from.time && this.#lines <= this.#from.lines) return null
      this.#skipping = false
    }
    return { time, lines: this.#lines }
  }
}

/** Nine digits of seconds, so that times compare as text. */
function padded(time: string): string {
  const [whole = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}Z`
}

/** Seconds since 1970 with nine digits, as the engine takes `since`. */
function secondsOf(time: string): string {
  const [whole = '', fraction = ''] = padded(time).replace(/Z$/, '').split('.')
  return `${Date.parse(`${whole}Z`) / 1000}.${fraction}`
}

function positionsOf(kept: unknown): Map<string, Position> {
  const positions = new Map<string, Position>()
  for (const [id, entry] of Object.entries(isRecord(kept) ? kept : {})) {
    if (isRecord(entry) && typeof entry['time'] === 'string' && typeof entry['lines'] === 'number') {
      positions.set(id, { time: entry['time'], lines: entry['lines'] })
    }
  }
  return positions
}
