// How many lines of one device are taken, and the marks that stand where lines are missing.
import type { SentLine } from '@copal/wire/log-line.ts'

const burstSeconds = 20

/** Why a line is missing, as people read it. */
export type Missing = 'too many' | 'not understood' | 'not stored'

/**
 * Lines in, lines out: with those taken away that are too many for `perSecond` over time (bursts of twenty seconds' worth are
 * taken), and with a line "N lines dropped" at each place where some are missing.
 */
export class Intake {
  readonly #perSecond: number
  #allowance: number
  #filledAt: number
  readonly #missing = new Map<Missing, number>()
  /** Places of lines that are missing, until their mark is made: source → place. */
  readonly #unmarked = new Map<string, string>()
  #settled = new Map<string, string>()

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#allowance = perSecond * burstSeconds
    this.#filledAt = now
  }

  /** What to store for this line: nothing when it is too many, else itself, after a mark for those missing before it. */
  take(line: SentLine, now: number): SentLine[] {
    const most = this.#perSecond * burstSeconds
    this.#allowance = Math.min(most, this.#allowance + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    // One allowance is kept for the mark, and after a gap a second's worth is waited for: one mark a second, not one a line.
    const needed = this.#missing.has('too many') ? Math.min(most, this.#perSecond) : 1
    if (this.#allowance < needed) {
      this.miss('too many')
      note(this.#unmarked, line)
      return []
    }
    this.#allowance--
    const marks = this.marks(line.timestamp)
    note(this.#settled, line)
    return [...marks, line]
  }

  /** How far each source has come with all lines that were given out since the last call: source → place. */
  places(): ReadonlyMap<string, string> {
    const settled = this.#settled
    this.#settled = new Map()
    return settled
  }

  /** Counts lines that are missing here. */
  miss(why: Missing, count = 1): void {
    this.#missing.set(why, (this.#missing.get(why) ?? 0) + count)
  }

  /** Marks for what is missing up to here; also when a stream ends. */
  marks(timestamp: number): SentLine[] {
    const lines = [...this.#missing].map(([why, count]) => ({
      message: `${count} ${count === 1 ? 'line' : 'lines'} dropped: ${this.#reason(why)}`,
      timestamp,
      isSystem: true,
      isStdErr: true,
    }))
    this.#missing.clear()
    for (const [source, place] of this.#unmarked) this.#settled.set(source, place)
    this.#unmarked.clear()
    return lines
  }

  #reason(why: Missing): string {
    switch (why) {
      case 'too many':
        return `more than ${this.#perSecond} a second`
      case 'not understood':
        return 'not understood'
      case 'not stored':
        return 'the platform could not store them'
    }
  }
}

function note(places: Map<string, string>, { source, place }: SentLine): void {
  if (source !== undefined && place !== undefined) places.set(source, place)
}
