// What must be known after a restart and can't be seen on the engine.
import { join } from 'node:path'
import { readJson, writeWhole } from './files.ts'
import { isRecord } from './wanted.ts'

export interface Running {
  commit: string
  /** Service → location of its image. */
  services: Record<string, string>
}

export class Memory {
  readonly #path: string
  /** App → release that it was last seen to run whole. */
  readonly #running: Record<string, Running> = {}
  /** Contents of images that we ever asked the engine to fetch and that were not yet removed. */
  readonly #fetched = new Set<string>()

  #writing: Promise<void> = Promise.resolve()

  private constructor(state: string) {
    this.#path = join(state, 'memory.json')
  }

  static async open(state: string): Promise<Memory> {
    const memory = new Memory(state)
    const kept = await readJson(memory.#path)
    if (!isRecord(kept)) return memory
    if (isRecord(kept['running'])) Object.assign(memory.#running, kept['running'])
    if (Array.isArray(kept['fetched']))
      for (const content of kept['fetched']) memory.#fetched.add(String(content))
    return memory
  }

  get running(): Readonly<Record<string, Running>> {
    return this.#running
  }

  get fetched(): ReadonlySet<string> {
    return this.#fetched
  }

  async noteRunning(app: string, running: Running): Promise<void> {
    this.#running[app] = running
    await this.#write()
  }

  /** Noted before the fetch begins: whatever happens then, the image is known to be ours. */
  async noteFetch(content: string): Promise<void> {
    if (this.#fetched.has(content)) return
    this.#fetched.add(content)
    await this.#write()
  }

  /** Forgets apps and images that are neither wanted nor on the engine any more. */
  async keepOnly(apps: ReadonlySet<string>, contents: ReadonlySet<string>): Promise<void> {
    const goneApps = Object.keys(this.#running).filter((app) => !apps.has(app))
    const goneContents = [...this.#fetched].filter((content) => !contents.has(content))
    if (goneApps.length + goneContents.length === 0) return
    for (const app of goneApps) delete this.#running[app]
    for (const content of goneContents) this.#fetched.delete(content)
    await this.#write()
  }

  /** One write after the other; each writes what is known by then. */
  #write(): Promise<void> {
    const next = this.#writing.then(() =>
      writeWhole(this.#path, JSON.stringify({ running: this.#running, fetched: [...this.#fetched] })),
    )
    this.#writing = next.catch(() => {})
    return next
  }
}
