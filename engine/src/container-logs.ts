// What a container printed, line by line with the engine's own time of each.
import type { Readable } from 'node:stream'
import { inspectContainer } from './containers.ts'
import type { Engine } from './engine.ts'
import { frames, textLines } from './streams.ts'

export interface LogLine {
  /** RFC 3339 with up to nine digits of seconds, UTC, as the engine noted it: `2026-01-02T03:04:05.123456789Z`. */
  time: string
  text: string
  stderr: boolean
}

export interface LogOptions {
  /** Goes on as lines come, until the container ends. */
  follow?: boolean
  /** Seconds since 1970 with a fraction (`1700000000.123456789`), inclusive. */
  since?: string
  /** Only so many of the last lines. */
  tail?: number
  stdout?: boolean
  stderr?: boolean
  signal?: AbortSignal
}

// The engine cuts long lines into pieces of 16 KiB; beyond this we do not put them together again.
const longestLine = 256 * 1024

/**
 * Lines of a container's log. Reading slowly is safe: the engine keeps its place in the log's file.
 * @throws EngineError 404 when there is no such container; the signal's reason when aborted
 */
export async function* containerLogs(
  engine: Engine,
  id: string,
  options: LogOptions = {},
): AsyncGenerator<LogLine> {
  const { follow, since, tail, stdout = true, stderr = true, signal } = options
  // A terminal has one output, so the engine sends it without frames; only the container's settings tell.
  const { Config } = await inspectContainer(engine, id, signal)
  const stream = await engine.request('GET', `/containers/${encodeURIComponent(id)}/logs`, {
    query: { follow, since, tail, stdout, stderr, timestamps: true },
    signal,
  })
  yield* Config.Tty ? rawLines(stream) : framedLines(stream)
}

async function* rawLines(stream: Readable): AsyncGenerator<LogLine> {
  for await (const line of textLines(stream)) yield timed(line, false)
}

/** Each frame is one line with its time; a frame that does not end its line is continued by the next of the same output. */
export async function* framedLines(stream: Readable): AsyncGenerator<LogLine> {
  const open: Partial<Record<'stdout' | 'stderr', LogLine>> = {}
  for await (const { from, data } of frames(stream)) {
    const ends = data.at(-1) === 10
    const text = data.toString('utf8', 0, ends ? data.length - 1 : data.length)
    const piece = timed(text, from === 'stderr')
    const before = open[from]
    if (before === undefined) open[from] = piece
    else if (before.text.length < longestLine) before.text += piece.text
    if (!ends) continue
    yield withoutReturn(open[from] ?? piece)
    open[from] = undefined
  }
  for (const line of Object.values(open)) if (line !== undefined) yield line
}

function timed(line: string, stderr: boolean): LogLine {
  const space = line.indexOf(' ')
  return space === -1
    ? { time: line, text: '', stderr }
    : { time: line.slice(0, space), text: line.slice(space + 1), stderr }
}

function withoutReturn(line: LogLine): LogLine {
  return line.text.endsWith('\r') ? { ...line, text: line.text.slice(0, -1) } : line
}
