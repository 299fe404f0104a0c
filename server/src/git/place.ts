import { createHash, randomUUID } from 'node:crypto'
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Context } from '../context.ts'
import { gitUser } from './program.ts'

/** Where on this machine git's caches are. All of it may be deleted at any time. */
export interface Place {
  /** Packs by fleet: `<uuid>.git/objects`. */
  stores: string
  /** A bare repository for each request that is being answered. */
  requests: string
  hook: string
}

const places = new WeakMap<Context, Promise<Place>>()

/** Finds the place once for each server, and clears what requests of an earlier process left there. */
export async function gitPlace(ctx: Context): Promise<Place> {
  const found = places.get(ctx) ?? findPlace(ctx)
  places.set(ctx, found)
  found.catch(() => places.delete(ctx))
  const place = await found
  await Promise.all([
    openFolder(dirname(place.stores), place.stores),
    openFolder(dirname(place.requests), place.requests),
  ])
  await keepHook(place.hook)
  return place
}

/** Makes folders that git's user may walk through, whatever our umask is; parents first. */
export async function openFolder(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(path, { recursive: true })
    await chmod(path, 0o755)
  }
}

async function findPlace(ctx: Context): Promise<Place> {
  const folder = await reachableFolder(ctx.config.dataDir)
  const place = {
    stores: join(folder, 'stores'),
    requests: join(folder, 'requests'),
    hook: join(folder, 'pre-receive'),
  }
  await rm(place.requests, { recursive: true, force: true })
  return place
}

/**
 * `git` in the data folder; or in /var/cache, where git runs as a user of its own who may not walk to the data folder
 * (it lies in /root, say).
 */
async function reachableFolder(dataDir: string): Promise<string> {
  if (gitUser === undefined || (await isOpen(dataDir))) return join(dataDir, 'git')
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  const caches = '/var/cache/copal'
  await openFolder(caches)
  return join(caches, `git-${hash}`)
}

async function isOpen(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true })
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** The hook is copied to where git's user can read it. Linked into repositories, never written there: a file that is still open for writing cannot be run. */
async function keepHook(path: string): Promise<void> {
  const source = new URL('./hooks/pre-receive', import.meta.url)
  const there = await stat(path).catch(() => undefined)
  if (there && there.mtimeMs >= (await stat(source)).mtimeMs) return
  const fresh = `${path}.${randomUUID()}`
  await copyFile(source, fresh)
  await chmod(fresh, 0o755)
  await rename(fresh, path)
}
