// Readers that follow a device's log on this copy. Lines that arrive here are handed over from memory; when lines arrived at
// another copy, or a reader is too slow for its small queue, it reads on from the table. So nothing is lost and nothing grows.
import type { Context } from '../context.ts'
import { idsOf } from '../devices/changes.ts'
import { onePer } from '../kit/one-per.ts'
import type { Row } from './chunk.ts'

const queueMost = 1000 // lines

export class Tail {
  /** The table has lines that the queue doesn't. */
  behind = false
  #queue: Row[] = []
  #wake: (() => void) | undefined

  push(rows: Row[]): void {
    if (this.#queue.length + rows.length > queueMost) {
      this.#queue = []
      this.behind = true
    } else if (!this.behind) this.#queue.push(...rows)
    this.ring()
  }

  /** There is something in the table. */
  lookThere(): void {
    this.behind = true
    this.ring()
  }

  take(): Row[] {
    return this.#queue.splice(0)
  }

  ring(): void {
    this.#wake?.()
  }

  /** Until something comes, at most `ms`. */
  async wait(ms: number): Promise<void> {
    if (this.behind || this.#queue.length > 0) return
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms)
      this.#wake = () => {
        clearTimeout(timer)
        done()
      }
    })
    this.#wake = undefined
  }
}

export const tails = onePer((ctx: Context) => {
  const readers = new Map<number, Set<Tail>>()
  ctx.events.on('device', ({ copy, logs }) => {
    if (copy === ctx.copy) return
    for (const device of idsOf(logs)) for (const tail of readers.get(device) ?? []) tail.lookThere()
  })
  ctx.events.onGap(() => {
    for (const all of readers.values()) for (const tail of all) tail.lookThere()
  })
  return {
    add(device: number): Tail & Disposable {
      const tail = Object.assign(new Tail(), {
        [Symbol.dispose]() {
          const all = readers.get(device)
          all?.delete(tail)
          if (all?.size === 0) readers.delete(device)
        },
      })
      readers.set(device, (readers.get(device) ?? new Set()).add(tail))
      return tail
    },
    /** `rows` is called only when somebody reads. */
    deliver(device: number, rows: () => Row[]): void {
      const all = readers.get(device)
      if (!all) return
      const made = rows()
      for (const tail of all) tail.push(made)
    },
  }
})
