import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobsContract } from './blobs.contract.ts'
import { openBlobFiles } from './files.ts'

blobsContract('files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'copal-blobs-'))
  return {
    blobs: await openBlobFiles(folder),
    another: () => openBlobFiles(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})
