// A tar archive as it comes in, entry by entry. Strict: whatever is not plainly a tree of files, folders and links is refused.
// Own code rather than a library's, because headers are bounded before they are kept and a cut-off archive is no end.
import { badRequest } from '../problems.ts'

export interface TarEntry {
  path: string
  type: 'file' | 'directory' | 'link' | 'hardlink'
  /** Permission bits. */
  mode: number
  size: number
  /** Seconds. */
  mtime: number
  linkTarget: string
}

export interface TarReader {
  entry(entry: TarEntry): void | Promise<void>
  /** The bytes of the file told last, in pieces. */
  content(piece: Buffer): void | Promise<void>
}

const blockBytes = 512
// What stands in front of an entry: a long name, or a few attributes.
const longestHeader = 64 * 1024
const longestPath = 4096

const damaged = (why: string) => badRequest(`cannot read the upload: ${why} · send it again`, 'bad_archive')

/**
 * Reads an archive to its end and tells `reader` what is in it, in order. Knows ustar, GNU long names and pax.
 * @throws Problem 400 for what is damaged, cut off, or no tree of files
 */
export async function readTarEntries(archive: AsyncIterable<Buffer>, reader: TarReader): Promise<void> {
  const bytes = new ByteQueue(archive)
  let attributes: Attributes = {}
  for (;;) {
    const header = await bytes.take(blockBytes)
    if (!header) throw damaged(bytes.read === 0 ? 'it is empty' : 'it is cut off')
    if (header.every((byte) => byte === 0)) break
    const { kind, ...plain } = readHeader(header, bytes.read)
    if (kind === 'x' || kind === 'g' || kind === 'L' || kind === 'K') {
      const text = await headerText(bytes, plain.size)
      if (kind === 'x') attributes = { ...attributes, ...paxAttributes(text) }
      else if (kind === 'L') attributes.path = untilNul(text)
      else if (kind === 'K') attributes.linkpath = untilNul(text)
      continue // a global header ("g", the commit of `git archive`) says nothing about files
    }
    const entry = entryOf(kind, plain, attributes)
    attributes = {}
    await reader.entry(entry)
    await passContent(bytes, entry.size, reader)
  }
  await bytes.drain()
}

interface Attributes {
  path?: string
  linkpath?: string
  size?: string
}

function entryOf(
  kind: string,
  plain: Omit<ReturnType<typeof readHeader>, 'kind'>,
  pax: Attributes,
): TarEntry {
  const path = checkedPath(pax.path ?? plain.path)
  const linkTarget = pax.linkpath ?? plain.linkTarget
  const size = pax.size === undefined ? plain.size : Number(pax.size)
  if (!Number.isSafeInteger(size) || size < 0) throw damaged(`${path} has no size`)
  const base = { path, mode: plain.mode, mtime: plain.mtime }
  switch (kind) {
    case '\0':
    case '0':
    case '7':
      // Old writers mark a folder by its slash alone.
      return path.endsWith('/')
        ? { ...base, type: 'directory', size: 0, linkTarget: '' }
        : { ...base, type: 'file', size, linkTarget: '' }
    case '5':
      return { ...base, type: 'directory', size, linkTarget: '' }
    case '2':
      return { ...base, type: 'link', size, linkTarget: linkText(path, linkTarget) }
    case '1':
      return { ...base, type: 'hardlink', size, linkTarget: checkedPath(linkTarget) }
    case '3':
    case '4':
    case '6':
      throw badRequest(
        `cannot take ${path}: it is a device or a pipe · a project has files, folders and links`,
        'bad_archive',
      )
    default:
      throw badRequest(
        `cannot take ${path}: it is of a kind ("${kind}") that a project cannot have`,
        'bad_archive',
      )
  }
}

function checkedPath(path: string): string {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path
  if (path.startsWith('/')) throw badRequest(`cannot take ${shown}: its path is absolute`, 'bad_archive')
  if (path.split('/').includes('..'))
    throw badRequest(`cannot take ${shown}: its path climbs out of the project`, 'bad_archive')
  if (path.includes('\0') || path.length > longestPath) throw damaged('a path in it is none')
  return path
}

/** A link may point anywhere, also out of the project or nowhere: it is passed on, and never followed here. */
function linkText(path: string, target: string): string {
  if (target === '' || target.includes('\0') || target.length > longestPath)
    throw damaged(`the link ${path} has no target`)
  return target
}

async function passContent(bytes: ByteQueue, size: number, reader: TarReader): Promise<void> {
  for (let left = size; left > 0;) {
    const piece = await bytes.some(left)
    if (!piece) throw damaged('it is cut off')
    left -= piece.length
    await reader.content(piece)
  }
  const padding = (blockBytes - (size % blockBytes)) % blockBytes
  if (padding && !(await bytes.take(padding))) throw damaged('it is cut off')
}

async function headerText(bytes: ByteQueue, size: number): Promise<string> {
  if (size > longestHeader) throw damaged('a header in it is too long')
  const text = await bytes.take(Math.ceil(size / blockBytes) * blockBytes)
  if (!text) throw damaged('it is cut off')
  return text.subarray(0, size).toString('utf8')
}

/** `<length> <key>=<value>\n`, the length counting all of it in bytes. */
function paxAttributes(text: string): Attributes {
  const found: Attributes = {}
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    const length = Number(/^(\d{1,6}) /.exec(rest.subarray(0, 8).toString('latin1'))?.[1])
    if (!(length > 0 && length <= rest.length)) throw damaged('a header in it is no header')
    const [, key = '', value = ''] =
      /^\d+ ([^=]+)=([^]*)\n$/.exec(rest.subarray(0, length).toString('utf8')) ?? []
    if (key === 'path' || key === 'linkpath' || key === 'size') found[key] = value
    else if (key.startsWith('GNU.sparse')) throw damaged('it has sparse files in it')
    rest = rest.subarray(length)
  }
  return found
}

function readHeader(block: Buffer, at: number) {
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  if (octal(block, 148, 8) !== sum) {
    throw damaged(at <= blockBytes ? 'it is no tar archive' : `it is damaged at byte ${at - blockBytes}`)
  }
  const isUstar = block.toString('latin1', 257, 262) === 'ustar'
  // GNU's own format keeps times where ustar keeps a prefix.
  const hasPrefix = isUstar && block[262] === 0 && block[345] !== 0
  const prefix = hasPrefix ? `${field(block, 345, 155)}/` : ''
  return {
    kind: String.fromCharCode(block[156]!),
    path: prefix + field(block, 0, 100),
    mode: octal(block, 100, 8) & 0o7777,
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    linkTarget: field(block, 157, 100),
  }
}

const field = (block: Buffer, start: number, length: number) =>
  untilNul(block.toString('utf8', start, start + length))
const untilNul = (text: string) => (text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text)

function octal(block: Buffer, start: number, length: number): number {
  const text = field(block, start, length).trim()
  return /^[0-7]*$/.test(text) ? parseInt(text || '0', 8) : NaN
}

/** Octal, or GNU's base 256 for what octal can't hold. */
function number(block: Buffer, start: number, length: number): number {
  const value =
    block[start]! & 0x80 ? base256(block.subarray(start, start + length)) : octal(block, start, length)
  if (!Number.isSafeInteger(value) || value < 0) throw damaged('a number in it is none')
  return value
}

const base256 = (bytes: Buffer) =>
  bytes.reduce((value, byte, index) => value * 256 + (index === 0 ? byte & 0x7f : byte), 0)

/** Bytes of a stream, taken in pieces of one's own. */
class ByteQueue {
  /** Bytes taken so far. */
  read = 0
  #stream: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(stream: AsyncIterable<Buffer>) {
    this.#stream = stream[Symbol.asyncIterator]()
  }

  /** Exactly `count` bytes; undefined when the stream ends before. */
  async take(count: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = []
    for (let left = count; left > 0;) {
      const piece = await this.some(left)
      if (!piece) return undefined
      pieces.push(piece)
      left -= piece.length
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
  }

  /** At least one byte and at most `count`; undefined at the end. */
  async some(count: number): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const next = await this.#stream.next()
      if (next.done) return undefined
      this.#held = next.value
    }
    const piece = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(piece.length)
    this.read += piece.length
    return piece
  }

  async drain(): Promise<void> {
    while (await this.some(Infinity));
  }
}
