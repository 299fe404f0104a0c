// Uploads on their way, as files. A file has one writer, ever: whoever continues an upload that another request, or a process
// that is dead by now, was writing copies the safe bytes into a file of its own. They must be read for the hash anyway.
import { createHash, randomUUID, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Problem, notFound } from '../../problems.ts'
import type { Upload } from './blobs.ts'

const writeAtOnce = 1024 * 1024
const syncBytes = 32 * 1024 * 1024
const syncMilliseconds = 5000
const hashesKept = 1000

interface Writer {
  name: string
  file: FileHandle
  /** Of the first `size` bytes. */
  hash: Hash
  size: number
}

export function openUploadFiles(folder: string) {
  /** Files that no writer has open, with the hash of what is in them. A cache: what is missing is read again. */
  const resting = new Map<string, { hash: Hash; size: number }>()
  const pathOf = (name: string) => join(folder, name)

  function rest({ name, hash, size }: Writer): void {
    if (resting.size >= hashesKept) resting.delete(resting.keys().next().value!)
    resting.set(name, { hash, size })
  }

  /** The file as the last writer left it if that was here and it is finished, else a copy of its first `size` bytes. */
  async function takeOver(upload: Upload): Promise<Writer> {
    const known = resting.get(upload.note)
    resting.delete(upload.note)
    if (known?.size === upload.size)
      return { name: upload.note, file: await open(pathOf(upload.note), 'r+'), ...known }
    const name = `${upload.id}.${randomUUID()}`
    const file = await open(pathOf(name), 'wx')
    const writer: Writer = { name, file, hash: createHash('sha256'), size: 0 }
    try {
      if (upload.size > 0) await copy(createReadStream(pathOf(upload.note), { end: upload.size - 1 }), writer)
      if (writer.size !== upload.size) throw lost(upload)
      await syncEntry(folder)
      return writer
    } catch (error) {
      await file.close()
      await rm(pathOf(name), { force: true })
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? lost(upload) : error
    }
  }

  return {
    begin: (): Upload => ({ id: randomUUID(), size: 0, note: '' }),

    async *append(upload: Upload, content: Readable): AsyncGenerator<Upload> {
      const writer = await takeOver(upload)
      let synced = Date.now()
      let syncedSize = writer.size
      const sync = async (): Promise<Upload> => {
        await writer.file.datasync()
        synced = Date.now()
        syncedSize = writer.size
        return { id: upload.id, size: writer.size, note: writer.name }
      }
      try {
        let brokenOff: unknown
        const batches = batched(content, (error) => (brokenOff = error))
        for await (const batch of batches) {
          await write(writer, batch)
          if (writer.size - syncedSize >= syncBytes || Date.now() - synced >= syncMilliseconds)
            yield await sync()
        }
        yield await sync()
        // Only now that the caller has kept the new file's name may the old one go.
        if (upload.note && upload.note !== writer.name) await rm(pathOf(upload.note), { force: true })
        rest(writer)
        if (brokenOff) throw brokenOff
      } finally {
        await writer.file.close()
      }
    },

    /** The upload's file, safe and with no writer, and the digest of it. */
    async close(upload: Upload): Promise<{ path: string; digest: string }> {
      const writer = await takeOver(upload)
      try {
        await writer.file.datasync()
      } finally {
        await writer.file.close()
      }
      if (upload.note && upload.note !== writer.name) await rm(pathOf(upload.note), { force: true })
      return { path: pathOf(writer.name), digest: `sha256:${writer.hash.digest('hex')}` }
    },

    async abandon(upload: Upload): Promise<void> {
      resting.delete(upload.note)
      if (upload.note) await rm(pathOf(upload.note), { force: true })
    },
  }
}

/**
 * Chunks of the network gathered to some size. A stream that breaks off ends the batches, and `broken` is told why; one that
 * is not read to its end is left as it is, since whoever sent it still wants an answer.
 */
async function* batched(content: Readable, broken: (error: unknown) => void): AsyncGenerator<Buffer[]> {
  let batch: Buffer[] = []
  let bytes = 0
  let since = Date.now()
  try {
    for await (const chunk of content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      batch.push(chunk)
      bytes += chunk.length
      if (bytes < writeAtOnce && Date.now() - since < syncMilliseconds) continue
      yield batch
      batch = []
      bytes = 0
      since = Date.now()
    }
  } catch (error) {
    broken(error)
  }
  if (bytes > 0) yield batch
}

async function copy(from: Readable, to: Writer): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) await write(to, [chunk])
}

async function write(writer: Writer, chunks: Buffer[]): Promise<void> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const { bytesWritten } = await writer.file.writev(chunks, writer.size)
  if (bytesWritten !== bytes)
    throw new Problem(
      507,
      'no_space',
      'cannot keep an upload: the disk is full · free some space and send it again',
    )
  for (const chunk of chunks) writer.hash.update(chunk)
  writer.size += bytes
}

const lost = (upload: Upload) =>
  notFound(`cannot go on with upload ${upload.id}: its bytes are gone · begin it anew`)

async function syncEntry(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
