import type { Phases } from './queue.ts'

/** A stop watch: each call says which phase has just ended. What is never said costs nothing. */
export class Watch {
  readonly phases: Phases = {}
  #since = performance.now()

  ended(phase: string): void {
    const now = performance.now()
    this.phases[phase] = Math.round((this.phases[phase] ?? 0) + now - this.#since)
    this.#since = now
  }
}
