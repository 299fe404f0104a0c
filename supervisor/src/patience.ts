// What failed is tried again, with growing pauses. A failure is a fact for the next round, not an exception.

interface Trouble {
  failures: number
  /** Epoch ms. */
  notBefore: number
  message: string
}

export class Patience {
  readonly #troubles = new Map<string, Trouble>()
  readonly #first: number
  readonly #longest: () => number

  /** Pauses of `first` × 2^n ms, at most `longest()` ms. */
  constructor(first: number, longest: () => number) {
    this.#first = first
    this.#longest = longest
  }

  /** Notes a failure and gives the pause until the next try, in ms. */
  failed(key: string, message: string, now = Date.now()): number {
    const failures = (this.#troubles.get(key)?.failures ?? 0) + 1
    const pause = Math.min(this.#longest(), this.#first * 2 ** Math.min(failures - 1, 30))
    this.#troubles.set(key, { failures, notBefore: now + pause, message })
    return pause
  }

  succeeded(key: string): void {
    this.#troubles.delete(key)
  }

  /** True while it is too early to try again. */
  rests(key: string, now = Date.now()): boolean {
    return (this.#troubles.get(key)?.notBefore ?? 0) > now
  }

  failuresOf(key: string): number {
    return this.#troubles.get(key)?.failures ?? 0
  }

  /** Epoch ms at which the first of them may be tried again; undefined when nothing rests. */
  next(now = Date.now()): number | undefined {
    const due = [...this.#troubles.values()].map((it) => it.notBefore).filter((at) => at > now)
    return due.length === 0 ? undefined : Math.min(...due)
  }

  /** Something changed (a new target, the network is back): everything may be tried at once. */
  forget(): void {
    this.#troubles.clear()
  }
}
