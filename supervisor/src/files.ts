// Files that are old or new after a power cut, never in between.
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces a file whole: written beside, synced, renamed, and the folder synced. Makes the folder when it is missing. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  const beside = `${path}.new`
  await mkdir(folder, { recursive: true })
  const file = await open(beside, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  await syncFolder(folder)
}

/** The file's text, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** JSON of a file of ours. Undefined when there is none, or when it is damaged: what we keep can be made again. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

export async function removeIfThere(path: string): Promise<void> {
  await rm(path, { force: true })
}

/** A rename is durable only once the folder is. FAT and some network file systems refuse to sync one; then that is all we can do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch {
    // Nothing to be done, as said above.
  } finally {
    await handle.close()
  }
}
