// pkt-line, the framing of git's protocol (gitprotocol-common(5)): four hex digits of length, themselves counted, then the
// content; 0000 to 0002 are marks without content.
import { Transform, type TransformCallback } from 'node:stream'

/** Follows packets through a stream of chunks without keeping them. */
class Frames {
  #header = ''
  #left = 0
  #fresh = false

  /** True between packets. */
  get between(): boolean {
    return this.#left === 0 && this.#header === ''
  }

  /**
   * How many bytes of `chunk`, from `at` on, belong together. `mark`: they end a packet without content; `first`: they begin
   * the content of one.
   */
  next(chunk: Buffer, at: number): { length: number; mark?: string; first?: boolean } {
    if (this.#left > 0) {
      const length = Math.min(this.#left, chunk.length - at)
      const first = this.#fresh
      this.#left -= length
      this.#fresh = false
      return { length, first }
    }
    const length = Math.min(4 - this.#header.length, chunk.length - at)
    this.#header += chunk.toString('latin1', at, at + length)
    if (this.#header.length < 4) return { length }
    const header = this.#header
    this.#header = ''
    const size = Number.parseInt(header, 16)
    if (size < 4) return { length, mark: header }
    this.#left = size - 4
    this.#fresh = true
    return { length }
  }
}

/** Counts the bytes of the pack in a receive-pack request: what comes after the commands, which end with a flush. */
export class PackCounter {
  bytes = 0
  #frames = new Frames()
  #commands = true

  count(chunk: Buffer): void {
    let at = 0
    while (this.#commands && at < chunk.length) {
      const { length, mark } = this.#frames.next(chunk, at)
      at += length
      if (mark === '0000') this.#commands = false
    }
    this.bytes += chunk.length - at
  }
}

/** Passes git's answer on, and can put a line of our own between its packets; only where the client takes side bands. */
export class SideBand extends Transform {
  #frames = new Frames()
  #banded: boolean | undefined
  #waiting: string[] = []

  /** The pusher reads this as `remote: <line>`, before whatever git says next. */
  say(line: string): void {
    this.#waiting.push(line)
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#banded && this.#frames.between) this.#release()
      const { length, first } = this.#frames.next(chunk, at)
      if (first) this.#banded ??= chunk[at]! <= 3 // a band's number; without bands it is a letter of the report
      this.push(chunk.subarray(at, at + length))
      at += length
    }
    done()
  }

  #release(): void {
    for (const line of this.#waiting.splice(0)) {
      const content = Buffer.from(`\u0002${line}\n`)
      this.push((content.length + 4).toString(16).padStart(4, '0'))
      this.push(content)
    }
  }
}
