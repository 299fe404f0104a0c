import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { badRequest, notFound } from '../../problems.ts'
import type { Blobs } from './blobs.ts'

/** Blobs as files: written beside, synced, renamed. `folder/sha256/ab/abcd…` holds blobs, `folder/incoming` what is on its way. */
export async function openBlobFiles(folder: string): Promise<Blobs> {
  const incoming = join(folder, 'incoming')
  await mkdir(incoming, { recursive: true })
  return {
    async put(content, expected) {
      const temporary = join(incoming, randomUUID())
      try {
        const { digest, size } = await writeSynced(content, temporary)
        if (expected && expected !== digest)
          throw badRequest(`cannot keep a blob: its digest is ${digest}, not ${expected}`, 'digest_invalid')
        const path = pathOf(folder, digest)
        await mkdir(dirname(path), { recursive: true })
        await rename(temporary, path)
        await syncFolder(dirname(path))
        return { digest, size }
      } finally {
        await rm(temporary, { force: true })
      }
    },
    async read(digest, range): Promise<Readable> {
      const file = await open(pathOf(folder, digest)).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? notFound(`cannot find blob ${digest}`) : error
      })
      return createReadStream('', { fd: file, ...range })
    },
    size: (digest) =>
      stat(pathOf(folder, digest)).then(
        (found) => found.size,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return undefined
          throw error
        },
      ),
    remove: (digest) => rm(pathOf(folder, digest), { force: true }),
  }
}

function pathOf(folder: string, digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1]
  if (!hex)
    throw badRequest(
      `cannot name a blob ${JSON.stringify(digest)} · digests are sha256:<64 hex digits>`,
      'digest_invalid',
    )
  return join(folder, 'sha256', hex.slice(0, 2), hex)
}

async function writeSynced(content: Readable, path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  await using file = await open(path, 'wx')
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
    await file.writev([chunk])
  }
  await file.sync()
  return { digest: `sha256:${hash.digest('hex')}`, size }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
