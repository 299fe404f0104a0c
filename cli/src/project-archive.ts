// A folder as gzip'd tar, as the builder wants it (builder-and-push: "Tar content").
import { createReadStream } from 'node:fs'
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { pack, type Pack } from 'tar-stream'
import { ignoresOf } from '@copal/compose/ignore.ts'

export interface Found {
  /** Relative to the folder, with `/`. */
  path: string
  mode: number
  size: number
  mtime: Date
  linkTarget?: string
}

/**
 * All files and links under `folder`, never `.git`; links stay links. The builder applies ignore files for each service's own
 * context; here the root one spares the upload where it is the only one that counts: without a compose file.
 */
export async function findFiles(folder: string): Promise<Found[]> {
  const ignored = await rootIgnores(folder)
  const found: Found[] = []
  async function visit(inside: string): Promise<void> {
    for (const entry of await readdir(join(folder, inside), { withFileTypes: true })) {
      const path = inside ? `${inside}/${entry.name}` : entry.name
      if (entry.name === '.git') continue
      if (entry.isDirectory()) await visit(path)
      else if ((entry.isFile() || entry.isSymbolicLink()) && !ignored(path)) {
        const { mode, size, mtime } = await lstat(join(folder, path))
        found.push({
          path,
          mode,
          size,
          mtime,
          ...(entry.isSymbolicLink() && { linkTarget: await readlink(join(folder, path)) }),
        })
      }
    }
  }
  await visit('')
  return found
}

async function rootIgnores(folder: string): Promise<(path: string) => boolean> {
  const names = await readdir(folder)
  // A Dockerfile's own ignore file would count instead, and compose projects have one for each context.
  const counts = !names.some((name) => /^docker-compose\.ya?ml$|.\.dockerignore$/.test(name))
  if (!counts || !names.includes('.dockerignore')) return () => false
  const ignores = ignoresOf(await readFile(join(folder, '.dockerignore'), 'utf8'))
  return (path) => !/^\.(?:balena|resin)\//.test(path) && ignores(path)
}

/** Streams the files; `onBytes` is told how many bytes of them went in, for a progress bar. */
export function archive(folder: string, files: Found[], onBytes: (count: number) => void): Readable {
  const tar = pack()
  const gzip = createGzip({ level: 4 })
  add(tar, folder, files, onBytes).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  )
  pipeline(tar, gzip).catch((error) => gzip.destroy(error))
  return gzip
}

async function add(
  tar: Pack,
  folder: string,
  files: Found[],
  onBytes: (count: number) => void,
): Promise<void> {
  for (const { path, mode, size, mtime, linkTarget } of files) {
    if (linkTarget !== undefined) {
      tar.entry({ name: path, type: 'symlink', linkname: linkTarget, mtime })
      continue
    }
    const entry = tar.entry({ name: path, size, mode: mode & 0o777, mtime })
    // A file that grows meanwhile is cut at the size that was promised.
    const content = createReadStream(join(folder, path), size > 0 ? { end: size - 1 } : {})
    content.on('data', (chunk) => onBytes(chunk.length))
    await pipeline(content, entry)
  }
}
