import type { StoredLine } from '@copal/wire/log-line.ts'

type Line = Pick<StoredLine, 'createdAt' | 'timestamp' | 'message' | 'isSystem' | 'serviceId'>

/** Lines that arrived this shortly before the newest may still be told after it. */
const unsettled = 10_000 // ms

/**
 * Which lines of a device's log were told already, when a broken connection is taken up again and the platform tells the past
 * anew. Lines have no number; the order and time of arrival (`createdAt`, the platform's clock) is what tells, since the clocks
 * of devices go as they like. Equal lines count as often as they came.
 */
export class SeenLines {
  #newest = -Infinity
  #recent: { key: string; createdAt: number }[] = []
  #again = new Map<string, number>()
  #floor = -Infinity

  get any(): boolean {
    return this.#recent.length > 0
  }

  /** A new connection: the past may come again. */
  reconnected(): void {
    this.#floor = this.#newest - unsettled
    this.#again = new Map()
    for (const { key } of this.#recent) this.#again.set(key, (this.#again.get(key) ?? 0) + 1)
  }

  /** Whether the line is to be told; from then on it counts as told. */
  isNew(line: Line): boolean {
    if (line.createdAt < this.#floor) return false
    const key = JSON.stringify([line.createdAt, line.timestamp, line.isSystem, line.serviceId, line.message])
    const again = this.#again.get(key) ?? 0
    if (again > 0) {
      this.#again.set(key, again - 1)
      return false
    }
    this.#recent.push({ key, createdAt: line.createdAt })
    if (line.createdAt > this.#newest) {
      this.#newest = line.createdAt
      const settled = this.#newest - unsettled
      if (this.#recent[0]!.createdAt < settled)
        this.#recent = this.#recent.filter(({ createdAt }) => createdAt >= settled)
    }
    return true
  }
}
