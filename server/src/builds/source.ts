// A project as it was sent: spooled to a file without a name, with an index, read by path and never unpacked.
import { randomUUID } from 'node:crypto'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ProjectEntry, ProjectFiles } from '@copal/compose/project-files.ts'
import type { Context } from '../context.ts'
import { badRequest, Problem, tooLarge } from '../problems.ts'
import { readTarEntries, type TarEntry } from './tar-read.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-write.ts'

export const sourceLimits = (ctx: Context): SourceLimits => ({
  bytes: ctx.config.contextLimit,
  folder: join(ctx.config.dataDir, 'sources'),
})

export interface SourceLimits {
  /** Of all files together, unpacked. */
  bytes: number
  /** Where the spool file is made. */
  folder: string
}

/** Dispose of it when the build has ended: then its disk space is free. */
export interface ProjectSource extends ProjectFiles, AsyncDisposable {
  readonly bytes: number
  /** How long it took to come in. */
  readonly milliseconds: number
  /** A tar of the entries that `wanted` takes, then of `added`; paths as `wanted` gives them back. */
  pack(wanted: (entry: ProjectEntry) => string | undefined, added?: AddedFile[]): Readable
}

export interface AddedFile {
  path: string
  content: Buffer
  mode?: number
}

interface Indexed extends ProjectEntry {
  offset: number
  size: number
  mtime: number
}

const mostEntries = 500_000
const mostReadAtOnce = 4 * 1024 * 1024

/**
 * Takes in a tar archive, gzip or plain (told by its first bytes).
 * @throws Problem 400 for what is damaged, cut off or climbs out; 413 for what is over a limit. Nothing is left on the disk.
 */
export async function readTar(stream: Readable, limits: SourceLimits): Promise<ProjectSource> {
  const since = performance.now()
  const file = await spoolFile(limits.folder)
  try {
    const entries = new Map<string, Indexed>()
    let at = 0
    await readTarEntries(limited(unzipped(stream), limits.bytes), {
      entry(entry) {
        if (entries.size >= mostEntries)
          throw tooLarge(`cannot take the project: it has more than ${mostEntries} files`)
        keep(entries, entry, at)
      },
      async content(piece) {
        await file.write(piece, 0, piece.length, at)
        at += piece.length
      },
    })
    checkParents(entries)
    return sourceOf(file, entries, { bytes: at, milliseconds: Math.round(performance.now() - since) })
  } catch (error) {
    await file.close()
    throw error
  }
}

/** It has no name any more when this returns, so a killed process leaves nothing behind. */
async function spoolFile(folder: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `source-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await rm(path)
  return file
}

async function* unzipped(stream: Readable): AsyncGenerator<Buffer> {
  const bytes = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  let first: Buffer = Buffer.alloc(0)
  while (first.length < 2) {
    const next = await bytes.next()
    if (next.done) break
    first = Buffer.concat([first, next.value])
  }
  const all = chained(first, bytes)
  if (first[0] !== 0x1f || first[1] !== 0x8b) return yield* all
  const gunzip = createGunzip({ chunkSize: 256 * 1024 })
  const source = Readable.from(all, { objectMode: false })
  source.on('error', (error) => gunzip.destroy(error))
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!code.startsWith('Z_')) throw error
    const isCut = code === 'Z_BUF_ERROR'
    throw badRequest(
      `cannot read the upload: its compression is ${isCut ? 'cut off' : 'damaged'} · send it again`,
      'bad_archive',
    )
  } finally {
    source.destroy()
  }
}

async function* chained(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}

/** Counts what comes out of the compression, so that a small upload cannot fill the disk. */
async function* limited(stream: AsyncIterable<Buffer>, most: number): AsyncGenerator<Buffer> {
  let total = 0
  for await (const piece of stream) {
    total += piece.length
    if (total > most) {
      throw tooLarge(
        `cannot take the project: it is larger than ${sizeText(most)} · leave out what the build does not need, or raise COPAL_CONTEXT_LIMIT`,
      )
    }
    yield piece
  }
}

/** `2 GB`, `1.5 MB`: powers of 1024, as settings are read. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** power
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[power]}`
}

function keep(entries: Map<string, Indexed>, entry: TarEntry, offset: number): void {
  const path = entry.path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
  if (path === '') return
  const { mode, mtime, size } = entry
  if (entry.type === 'hardlink') {
    const target = entries.get(entry.linkTarget.replace(/^(?:\.\/)+/, ''))
    if (target?.type !== 'file')
      throw badRequest(
        `cannot take ${path}: it is a link to ${entry.linkTarget}, which is no file in the archive before it`,
        'bad_archive',
      )
    entries.set(path, { ...target, path })
  } else {
    const linkTarget = entry.type === 'link' ? { linkTarget: entry.linkTarget } : {}
    entries.set(path, { path, type: entry.type, mode, mtime, size, offset, ...linkTarget })
  }
}

/** Nothing may lie behind a link or inside of a file: such archives are made to write elsewhere when they are unpacked. */
function checkParents(entries: Map<string, Indexed>): void {
  for (const path of entries.keys()) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = entries.get(path.slice(0, slash))
      if (parent && parent.type !== 'directory')
        throw badRequest(
          `cannot take ${path}: ${parent.path} is a ${parent.type} and no folder`,
          'bad_archive',
        )
    }
  }
}

function sourceOf(
  file: FileHandle,
  entries: Map<string, Indexed>,
  facts: { bytes: number; milliseconds: number },
): ProjectSource {
  async function slice({ offset, size }: Indexed): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(size)
    await file.read(buffer, 0, size, offset)
    return buffer
  }

  async function* packed(
    wanted: (entry: ProjectEntry) => string | undefined,
    added: AddedFile[],
  ): AsyncGenerator<Buffer> {
    const replaced = new Set(added.map(({ path }) => path))
    for (const entry of entries.values()) {
      const path = wanted(entry)
      if (path === undefined || replaced.has(path)) continue
      const isFile = entry.type === 'file'
      yield tarHeader({ ...entry, path, size: isFile ? entry.size : 0 })
      if (!isFile) continue
      for (let at = 0; at < entry.size; at += mostReadAtOnce)
        yield await slice({
          ...entry,
          offset: entry.offset + at,
          size: Math.min(mostReadAtOnce, entry.size - at),
        })
      yield tarPadding(entry.size)
    }
    for (const { path, content, mode = 0o644 } of added) {
      yield tarHeader({ path, type: 'file', mode, size: content.length, mtime: 0 })
      yield content
      yield tarPadding(content.length)
    }
    yield tarEnd
  }

  return {
    ...facts,
    list: () => entries.values(),
    read(path) {
      const entry = entries.get(path)
      if (entry?.type !== 'file') return undefined
      if (entry.size > mostReadAtOnce)
        return Promise.reject(
          new Problem(
            400,
            'bad_request',
            `cannot read ${path}: it is larger than ${sizeText(mostReadAtOnce)}`,
          ),
        )
      return slice(entry)
    },
    pack: (wanted, added = []) => Readable.from(packed(wanted, added), { objectMode: false }),
    [Symbol.asyncDispose]: () => file.close(),
  }
}
