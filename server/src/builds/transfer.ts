// A pull or push as one progress line: bytes of all layers together.
import type { Progress } from '@copal/engine/images.ts'

export class TransferProgress {
  #layers = new Map<string, { current: number; total: number }>()
  #told = 0
  #what: string
  #tell: (line: string) => void

  /** @param what `uploading`, as the line begins */
  constructor(what: string, tell: (line: string) => void) {
    this.#what = what
    this.#tell = tell
  }

  hear(line: Progress): void {
    const { current, total } = line.progressDetail ?? {}
    if (!line.id || !total) return
    this.#layers.set(line.id, { current: Math.min(current ?? 0, total), total })
    const now = Date.now()
    if (now - this.#told < 200) return
    this.#told = now
    const sum = (key: 'current' | 'total') =>
      [...this.#layers.values()].reduce((bytes, layer) => bytes + layer[key], 0)
    const [done, all] = [sum('current'), sum('total')]
    this.#tell(`${this.#what} ${Math.floor((done / all) * 100)} % of ${(all / 1e6).toFixed(1)} MB`)
  }
}
