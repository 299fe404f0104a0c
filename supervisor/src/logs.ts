// What containers print, on its way to the platform: nothing lost and nothing twice, whoever restarts in between.
//
// The engine keeps the lines and the platform the place up to which it has them (docs/decisions/device-logs.md); where it keeps none,
// we do. When the way to the platform is slow or gone we simply stop reading: the engine's file is the buffer.
import { join } from 'node:path'
import type { LogLine, LogOptions } from '@copal/engine/container-logs.ts'
import { readJson, writeWhole } from './files.ts'
import { log, reasonOf } from './log.ts'
import { linesAfter, placeOf, written, type Place } from './log-place.ts'
import type { LogStream } from './log-stream.ts'
import type { Current, CurrentContainer } from './observe.ts'
import { isUp } from './placement.ts'
import { textMap } from './wanted.ts'

/** Reads a container's log, as `containerLogs` does. */
export type ReadContainer = (id: string, options: LogOptions) => AsyncIterable<LogLine>

interface Follower {
  /** Which life of the container this reads; a container that starts again is read again. */
  life: number
  stop: AbortController
  done: Promise<void>
}

export class Logs {
  readonly #read: ReadContainer
  readonly #stream: LogStream
  readonly #path: string
  readonly #followers = new Map<string, Follower>()
  /** Container → life that was read to its end. */
  readonly #finished = new Map<string, number>()
  /** Container → place of the last line that is on its way. */
  readonly #last = new Map<string, Place>()
  /** Source → place of the last line that was acknowledged by a platform that keeps no places. */
  #acknowledged = new Map<string, string>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(read: ReadContainer, stream: LogStream, state: string) {
    this.#read = read
    this.#stream = stream
    this.#path = join(state, 'logs.json')
  }

  static async open(read: ReadContainer, stream: LogStream, state: string): Promise<Logs> {
    const logs = new Logs(read, stream, state)
    logs.#acknowledged = new Map(Object.entries(textMap(await readJson(logs.#path))))
    stream.onAcknowledged = (sent) => logs.#keep(sent)
    return logs
  }

  /** Reads every container that has something to say, and forgets those that are gone. */
  follow(current: Current): void {
    const ids = new Set(current.containers.map((container) => container.id))
    const sources = new Set([...ids].map(sourceOf))
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id)
    for (const source of this.#acknowledged.keys())
      if (!sources.has(source)) this.#acknowledged.delete(source)
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
    const done = this.#send(container, stop.signal).then((whole) => {
      this.#followers.delete(id)
      if (whole) this.#finished.set(id, life)
    })
    this.#followers.set(id, { life, stop, done })
  }

  /** True when it was read to the end of this life. */
  async #send(container: CurrentContainer, signal: AbortSignal): Promise<boolean> {
    const { id, serviceId } = container
    const source = sourceOf(id)
    const stdout = container.logs === 'all'
    const read = (options: { follow: boolean; since?: string }) =>
      this.#read(id, { ...options, stdout, signal })
    try {
      for await (const { line, place } of linesAfter(read, await this.#start(id, signal))) {
        await this.#stream.push({ ...sentOf(line, place), serviceId, source, place: written(place) }, signal)
        this.#last.set(id, place)
      }
      return true
    } catch (error) {
      if (!signal.aborted) log.warn(`cannot read the log of ${container.name}: ${reasonOf(error)}`)
      return false
    }
  }

  /** After which line we go on: the last that was read, that the platform has, or that it has acknowledged. */
  async #start(id: string, signal: AbortSignal): Promise<Place | undefined> {
    const known = await this.#stream.places(signal)
    const source = sourceOf(id)
    return this.#last.get(id) ?? placeOf(known.get(source)) ?? placeOf(this.#acknowledged.get(source))
  }

  #keep(sent: ReadonlyMap<string, string>): void {
    for (const [source, place] of sent) this.#acknowledged.set(source, place)
    this.#writing = this.#writing.then(() =>
      writeWhole(this.#path, JSON.stringify(Object.fromEntries(this.#acknowledged))).catch((error: unknown) =>
        log.error(`cannot keep how far logs were sent: ${reasonOf(error)}`),
      ),
    )
  }
}

/** As the platform knows a container's log. */
const sourceOf = (id: string) => id.slice(0, 12)

function sentOf({ text, stderr }: LogLine, { time }: Place) {
  return {
    message: text,
    timestamp: Date.parse(`${time.slice(0, 23)}Z`),
    ...(stderr ? { isStdErr: true } : {}),
  }
}
