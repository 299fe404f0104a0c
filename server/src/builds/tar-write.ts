// The other way: a tree as a tar archive, for an engine that builds it.

export interface TarHeader {
  path: string
  type: 'file' | 'directory' | 'link'
  mode: number
  size: number
  /** Seconds. */
  mtime: number
  linkTarget?: string
}

const blockBytes = 512
const largestOctal = 8 ** 11

/** The header blocks of an entry. Names that ustar cannot hold go into a pax header in front. */
export function tarHeader(entry: TarHeader): Buffer {
  const path = entry.type === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path
  const linkTarget = entry.linkTarget ?? ''
  const pax =
    (Buffer.byteLength(path) > 100 ? paxLine('path', path) : '') +
    (Buffer.byteLength(linkTarget) > 100 ? paxLine('linkpath', linkTarget) : '') +
    (entry.size >= largestOctal ? paxLine('size', String(entry.size)) : '')
  const main = block(entry, { file: '0', directory: '5', link: '2' }[entry.type], path, linkTarget)
  if (pax === '') return main
  const text = Buffer.from(pax)
  const front = block({ ...entry, size: text.length }, 'x', 'PaxHeader', '')
  return Buffer.concat([front, text, tarPadding(text.length), main])
}

/** Zeros that fill the last block of a file. */
export const tarPadding = (size: number): Buffer =>
  Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes)

export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes)

function block(entry: TarHeader, kind: string, path: string, linkTarget: string): Buffer {
  const bytes = Buffer.alloc(blockBytes)
  const text = (value: string, at: number, length: number) => Buffer.from(value).copy(bytes, at, 0, length)
  const octal = (value: number, at: number, length: number) =>
    text(value.toString(8).padStart(length - 1, '0'), at, length - 1)
  text(path, 0, 100)
  octal(entry.mode & 0o7777, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(entry.size >= largestOctal ? 0 : entry.size, 124, 12)
  octal(Math.max(0, Math.floor(entry.mtime)), 136, 12)
  text('        ', 148, 8)
  text(kind, 156, 1)
  text(linkTarget, 157, 100)
  text('ustar\x0000', 257, 8)
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return bytes
}

/** The length at the front counts its own digits. */
function paxLine(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const bytes = Buffer.byteLength(rest)
  let length = bytes + String(bytes).length
  length = bytes + String(length).length
  return `${length}${rest}`
}
