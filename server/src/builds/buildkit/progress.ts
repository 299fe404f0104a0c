// From BuildKit's trace to lines that people read. Pure; one of these for each image that is built.
import type { Trace, Vertex } from './trace.ts'

export interface ProgressLine {
  text: string
  /** It replaces the progress line before it, and is no part of the log. */
  passing?: true
}

const seconds = 1000
const worthTelling = 1 * seconds
const longestLine = 4000

/** Steps as they begin, what they print line by line, long ones with the time they took. */
export class BuildProgress {
  #steps = new Map<string, Vertex>()
  #begun = new Set<string>()
  #ended = new Set<string>()
  /** The last line of a step's output, until its end comes. */
  #unfinished = new Map<string, Buffer>()

  lines(trace: Trace): ProgressLine[] {
    return [...this.#tell(trace)]
  }

  *#tell(trace: Trace): Generator<ProgressLine> {
    for (const vertex of trace.vertexes) {
      this.#steps.set(vertex.digest, vertex)
      yield* this.#step(vertex)
    }
    for (const { vertex, text } of trace.logs) yield* this.#output(vertex, text)
    for (const warning of trace.warnings) yield { text: `warning: ${warning}` }
    for (const status of trace.statuses) {
      if (status.completed || status.total === 0) continue
      const percent = Math.floor((status.current / status.total) * 100)
      yield { text: `${shortId(status.id)} ${percent} % of ${megabytes(status.total)}`, passing: true }
    }
  }

  *#step(vertex: Vertex): Generator<ProgressLine> {
    if (isInternal(vertex)) return
    if (vertex.cached && !this.#begun.has(vertex.digest)) {
      this.#begun.add(vertex.digest)
      this.#ended.add(vertex.digest)
      yield { text: `${vertex.name} · cached` }
    }
    if (vertex.started !== undefined && !this.#begun.has(vertex.digest)) {
      this.#begun.add(vertex.digest)
      yield { text: vertex.name }
    }
    if (vertex.completed === undefined || this.#ended.has(vertex.digest)) return
    this.#ended.add(vertex.digest)
    yield* this.#rest(vertex.digest)
    const took = vertex.completed - (vertex.started ?? vertex.completed)
    if (!vertex.error && took >= worthTelling)
      yield { text: `${stepNumber(vertex.name)} took ${(took / seconds).toFixed(1)} s` }
  }

  *#output(digest: string, text: Buffer): Generator<ProgressLine> {
    let rest = Buffer.concat([this.#unfinished.get(digest) ?? Buffer.alloc(0), text])
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      yield { text: shown(rest.subarray(0, end)) }
      rest = rest.subarray(end + 1)
    }
    // Progress bars of programs come without an end of line, for ever.
    if (rest.length > longestLine) {
      yield { text: shown(rest) }
      rest = Buffer.alloc(0)
    }
    this.#unfinished.set(digest, rest)
  }

  *#rest(digest: string): Generator<ProgressLine> {
    const rest = this.#unfinished.get(digest)
    this.#unfinished.delete(digest)
    if (rest && rest.length > 0) yield { text: shown(rest) }
  }
}

const isInternal = ({ name }: Vertex) =>
  name.startsWith('[internal]') || /^\[auth\]|^exporting to image$|^docker-image:|^copy \/context/.test(name)

/** `[build 2/5]` of `[build 2/5] RUN npm ci`, else the whole. */
const stepNumber = (name: string) => /^\[[^\]]*\]/.exec(name)?.[0] ?? name

/** What a terminal would have shown in the end: only what follows the last carriage return. */
function shown(line: Buffer): string {
  const text = line.toString('utf8').replace(/\r+$/, '')
  return text.slice(text.lastIndexOf('\r') + 1).slice(0, longestLine)
}

const shortId = (id: string) => id.replace(/^sha256:([0-9a-f]{12})[0-9a-f]*$/, '$1')
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
