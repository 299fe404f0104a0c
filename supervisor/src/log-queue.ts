// Lines on their way to the platform, in their order, until it has said that it has them.
import type { SentLine } from '@copal/wire/log-line.ts'
import { Bell } from './pause.ts'

export interface Entry {
  /** With its line end. */
  json: string
  source: string
  place: string
  /** It is on its way: what it says cannot be changed any more. */
  sent?: true
}

/** Bytes that wait or are not acknowledged; beyond, readers of containers wait. */
const most = 256 * 1024
/** Lines of our own have no other place to wait in: beyond this they are dropped, and the gap is marked. */
const mostOfOurs = 64 * 1024
const longestMessage = 10_000

export class LogQueue {
  /** Source of our own lines: of this run, for after a restart they are counted anew. */
  readonly #run: string
  #ourNumber = 0
  #entries: Entry[] = []
  #bytes = 0
  #bytesOfOurs = 0
  /** Lines of ours that were dropped where the last entry of ours says so. */
  #dropped = 0
  readonly #came = new Bell()
  readonly #room = new Bell()

  constructor(run: string) {
    this.#run = run
  }

  get length(): number {
    return this.#entries.length
  }

  /** The line at this index, from now on as one that is on its way. */
  send(index: number): string {
    const entry = this.#entries[index]
    if (entry === undefined) return ''
    entry.sent = true
    return entry.json
  }

  /** Until a line is added, the time is over, or aborted. */
  async came(signal: AbortSignal, ms?: number): Promise<void> {
    await this.#came.wait(signal, ms)
  }

  /** Takes a container's line; resolves when there is room for the next. */
  async push(line: SentLine & { source: string; place: string }, signal: AbortSignal): Promise<void> {
    while (this.#bytes > most) {
      await this.#room.wait(signal)
      signal.throwIfAborted()
    }
    this.#add(entryOf(line))
  }

  /** Takes a line of the supervisor itself; never waits. */
  pushOurs(line: SentLine): void {
    const entry = this.#ours(line)
    if (this.#bytesOfOurs + entry.json.length <= mostOfOurs) {
      this.#dropped = 0
      this.#bytesOfOurs += entry.json.length
      this.#add(entry)
      return
    }
    const last = this.#entries.findLast(({ source }) => source === this.#run)
    const before = this.#dropped > 0 && last?.sent === undefined ? last : undefined
    this.#dropped = before === undefined ? 1 : this.#dropped + 1
    const message = `${this.#dropped} lines of the supervisor were dropped here: too many waited`
    const mark = this.#ours({ ...line, message, isStdErr: true })
    if (before === undefined) this.#add(mark)
    else Object.assign(before, mark)
  }

  /** The platform has the first `count`. Gives how far each source has come with them. */
  taken(count: number): Map<string, string> {
    return this.#gone(this.#entries.splice(0, count))
  }

  /** The platform has each source up to a place. A place that is not among these lines is before them all. */
  takenUpTo(places: ReadonlyMap<string, string>): void {
    const last = new Map<string, number>()
    for (const [index, { source, place }] of this.#entries.entries())
      if (places.get(source) === place) last.set(source, index)
    const has = ({ source }: Entry, index: number) => index <= (last.get(source) ?? -1)
    const gone = this.#entries.filter(has)
    this.#entries = this.#entries.filter((entry, index) => !has(entry, index))
    this.#gone(gone)
  }

  #gone(entries: Entry[]): Map<string, string> {
    const places = new Map<string, string>()
    for (const { json, source, place } of entries) {
      this.#bytes -= json.length
      if (source === this.#run) this.#bytesOfOurs = Math.max(0, this.#bytesOfOurs - json.length)
      places.set(source, place)
    }
    this.#dropped = 0
    this.#room.ring()
    return places
  }

  #ours(line: SentLine): Entry {
    return entryOf({ ...line, source: this.#run, place: String(++this.#ourNumber) })
  }

  #add(entry: Entry): void {
    this.#entries.push(entry)
    this.#bytes += entry.json.length
    this.#came.ring()
  }
}

function entryOf(line: SentLine & { source: string; place: string }): Entry {
  const { message, source, place } = line
  const cut = message.length > longestMessage ? `${message.slice(0, longestMessage - 5)}[...]` : message
  return { json: `${JSON.stringify({ ...line, message: cut })}\n`, source, place }
}
