/** Waits; returns at once when aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Bell().wait(signal, ms)
}

/** Between half and one and a half times as long, so that many devices do not do the same at the same time. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random())
}

/** Wakes those who wait. Rung while nobody waits, it is not heard: who waits has looked before. */
export class Bell {
  readonly #waiting = new Set<() => void>()

  ring(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Until it rings, the time is over, or the signal aborts; whichever it was, nothing stays behind. */
  wait(signal: AbortSignal, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const wake = () => {
        clearTimeout(clock)
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      // Beyond 24 days a timer would fire at once.
      const clock = ms === undefined ? undefined : setTimeout(wake, Math.min(Math.max(0, ms), 2 ** 31 - 1))
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.add(wake)
    })
  }
}
