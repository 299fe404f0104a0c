// How the engine's streams are cut: JSON values in a row, frames of two outputs on one wire, lines of a log.
import type { Readable } from 'node:stream'

/** Values of a stream of JSON, one a line. */
export async function* jsonLines<T>(stream: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  for await (const line of textLines(stream)) {
    if (line.trim() !== '') yield JSON.parse(line) as T
  }
}

/** Lines without their end (`\n` or `\r\n`); the last one also when it has none. */
export async function* textLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  // Bytes, not text, are put together, so that a character cut in two by a chunk stays whole.
  let rest: Buffer[] = []
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      rest.push(Buffer.from(chunk.buffer, chunk.byteOffset + from, end - from))
      yield withoutReturn(Buffer.concat(rest).toString('utf8'))
      rest = []
      from = end + 1
    }
    if (from < chunk.length) rest.push(Buffer.from(chunk.subarray(from)))
  }
  if (rest.length > 0) yield withoutReturn(Buffer.concat(rest).toString('utf8'))
}

export interface Frame {
  from: 'stdout' | 'stderr'
  data: Buffer
}

/** Takes stdout and stderr apart: 8 bytes of header (source, 3 zeros, length big-endian), then the payload. */
export async function* frames(stream: Readable): AsyncGenerator<Frame> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer])
    let at = 0
    while (held.length - at >= 8) {
      const length = held.readUInt32BE(at + 4)
      if (held.length - at - 8 < length) break
      yield { from: held[at] === 2 ? 'stderr' : 'stdout', data: held.subarray(at + 8, at + 8 + length) }
      at += 8 + length
    }
    held = held.subarray(at)
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
