import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { badRequest, notFound } from '../../problems.ts'
import type { Blobs } from './blobs.ts'
import { openUploadFiles } from './upload-files.ts'

const readAtOnce = 256 * 1024
const isHex = /^[0-9a-f]{64}$/

/** Blobs as files: written beside, synced, renamed. `folder/sha256/ab/abcd…` holds blobs, `folder/incoming` what is on its way. */
export async function openBlobFiles(folder: string): Promise<Blobs> {
  const incoming = join(folder, 'incoming')
  await mkdir(incoming, { recursive: true })
  const uploads = openUploadFiles(incoming)

  async function settle(temporary: string, digest: string): Promise<void> {
    const path = pathOf(folder, digest)
    await mkdir(dirname(path), { recursive: true })
    await rename(temporary, path)
    await syncFolder(dirname(path))
  }

  const blobs: Blobs = {
    async put(content, expected) {
      let upload = uploads.begin()
      try {
        for await (const safe of uploads.append(upload, content)) upload = safe
        const { path, digest } = await uploads.close(upload)
        if (expected && expected !== digest) throw wrongDigest(digest, expected)
        await settle(path, digest)
        return { digest, size: upload.size }
      } finally {
        await uploads.abandon(upload)
      }
    },
    async read(digest, range): Promise<Readable> {
      const file = await open(pathOf(folder, digest)).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? notFound(`cannot find blob ${digest}`) : error
      })
      return createReadStream('', { fd: file, highWaterMark: readAtOnce, ...range })
    },
    size: async (digest) => (await statOf(pathOf(folder, digest)))?.size,
    async remove(digest, unlessSince) {
      const path = pathOf(folder, digest)
      const found = await statOf(path)
      if (!found || (unlessSince && found.mtime >= unlessSince)) return false
      await rm(path, { force: true })
      return true
    },
    async *list() {
      for (const shelf of await namesIn(join(folder, 'sha256')))
        for (const name of await namesIn(join(folder, 'sha256', shelf))) {
          const found = isHex.test(name) && (await statOf(join(folder, 'sha256', shelf, name)))
          if (found) yield { digest: `sha256:${name}`, size: found.size, putAt: found.mtime }
        }
    },

    begin: uploads.begin,
    append: uploads.append,
    abandon: uploads.abandon,
    async finish(upload, expected) {
      pathOf(folder, expected)
      const closed = await uploads.close(upload).catch(async (error: unknown) => {
        // A process that died after the rename and before its caller noted it: the blob itself is the proof.
        if ((await blobs.size(expected)) === upload.size) return undefined
        throw error
      })
      if (closed && closed.digest !== expected) {
        await rm(closed.path, { force: true })
        throw wrongDigest(closed.digest, expected)
      }
      if (closed) await settle(closed.path, expected)
      return { digest: expected, size: upload.size }
    },
    async sweep(before) {
      for (const name of await readdir(incoming)) {
        const found = await statOf(join(incoming, name))
        if (found && found.mtime < before) await rm(join(incoming, name), { force: true })
      }
    },
  }
  return blobs
}

const wrongDigest = (digest: string, expected: string) =>
  badRequest(`cannot keep a blob: its digest is ${digest}, not ${expected} · send it again`, 'digest_invalid')

function pathOf(folder: string, digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1]
  if (!hex)
    throw badRequest(
      `cannot name a blob ${JSON.stringify(digest)} · digests are sha256:<64 hex digits>`,
      'digest_invalid',
    )
  return join(folder, 'sha256', hex.slice(0, 2), hex)
}

const statOf = (path: string) => stat(path).catch(absent)

const namesIn = async (path: string): Promise<string[]> => (await readdir(path).catch(absent)) ?? []

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
