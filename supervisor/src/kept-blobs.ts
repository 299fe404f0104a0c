// Layers on their way to the engine, kept on the disk until the whole image has arrived: a folder for each image.
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

export class KeptBlobs {
  readonly #folder: string
  /** Blobs that somebody has open, by their paths. */
  readonly #open = new Map<string, KeptBlob>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** What is here of a blob. Null when somebody writes it already. */
  async open(image: string, digest: string): Promise<KeptBlob | null> {
    const path = join(this.#folder, fileName(image), fileName(digest))
    if (this.#open.has(path)) return null
    const blob = new KeptBlob(path, () => this.#open.delete(path))
    this.#open.set(path, blob)
    await blob.look()
    return blob
  }

  /** Forgets what belongs to other images than these. */
  async keepOnly(images: ReadonlySet<string>): Promise<void> {
    const names = new Set([...images].map(fileName))
    const there = await readdir(this.#folder).catch(() => [])
    for (const name of there.filter((one) => !names.has(one))) await this.#remove(name)
  }

  async forget(image: string): Promise<void> {
    await this.#remove(fileName(image))
  }

  async #remove(name: string): Promise<void> {
    const folder = join(this.#folder, name)
    for (const [path, blob] of this.#open) if (path.startsWith(`${folder}/`)) blob.keepNoMore()
    await rm(folder, { recursive: true, force: true })
  }
}

export class KeptBlob implements AsyncDisposable {
  readonly #path: string
  readonly #close: () => void
  #isWhole = false
  #size = 0
  #file: FileHandle | undefined
  #unwanted = false

  constructor(path: string, close: () => void) {
    this.#path = path
    this.#close = close
  }

  async look(): Promise<void> {
    const whole = await sizeOf(this.#path)
    this.#isWhole = whole !== undefined
    this.#size = whole ?? (await sizeOf(`${this.#path}.part`)) ?? 0
  }

  /** All of it is here. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Its image is no longer wanted, or has arrived: what still comes of it leaves no trace. */
  keepNoMore(): void {
    this.#unwanted = true
  }

  /** Bytes that are here, from the first on. */
  get size(): number {
    return this.#size
  }

  /** From a byte on to the last that is here. */
  read(from: number): Readable | Buffer[] {
    if (from >= this.#size) return []
    const path = this.#isWhole ? this.#path : `${this.#path}.part`
    return createReadStream(path, { start: from, end: this.#size - 1 })
  }

  /** Puts bytes after the last. A disk that is full or broken costs what was kept, not the download: false then. */
  async append(bytes: Buffer): Promise<boolean> {
    if (this.#unwanted) return false
    try {
      if (this.#file === undefined) {
        await mkdir(join(this.#path, '..'), { recursive: true })
        this.#file = await open(`${this.#path}.part`, 'a', 0o600)
        if (this.#unwanted) throw new Error('no longer wanted')
      }
      await this.#file.writeFile(bytes)
      this.#size += bytes.length
      return true
    } catch {
      await this.drop()
      return false
    }
  }

  /** The last byte is here. */
  async finish(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    if (!this.#unwanted) await rename(`${this.#path}.part`, this.#path)
  }

  /** What is here is of no use. */
  async drop(): Promise<void> {
    await this.#file?.close().catch(() => {})
    this.#file = undefined
    this.#size = 0
    await rm(`${this.#path}.part`, { force: true })
    await rm(this.#path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close().catch(() => {})
    this.#close()
  }
}

const fileName = (digest: string) => digest.replaceAll(/[^\w.-]/g, '-')

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch {
    return undefined
  }
}
