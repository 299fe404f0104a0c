/** Both inclusive. */
export interface Range {
  start: number
  end: number
}

/**
 * Reads a `Range` header against a blob of `size` bytes. Undefined: send all of it (no header, or one that we may ignore,
 * such as several ranges); `'unsatisfiable'`: 416.
 */
export function parseRange(header: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (!first && !last)) return undefined
  if (!first) {
    const bytes = Math.min(Number(last), size)
    return bytes === 0 ? 'unsatisfiable' : { start: size - bytes, end: size - 1 }
  }
  const start = Number(first)
  if (last && Number(last) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  return { start, end: last ? Math.min(Number(last), size - 1) : size - 1 }
}

/** The `Content-Range` of a chunk on its way in: `<first>-<last>`, as the specification has it, or `bytes <first>-<last>/…`. */
export function parseChunkRange(header: string): Range | undefined {
  const [, first, last] = /^(?:bytes\s+)?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim()) ?? []
  if (first === undefined || last === undefined || Number(last) < Number(first)) return undefined
  return { start: Number(first), end: Number(last) }
}
