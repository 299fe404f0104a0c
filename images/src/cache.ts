// Where made things are kept between runs, outside of the clone.
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** `$COPAL_CACHE`, else `~/.cache/copal`; with a sub-folder that is made when it is not there. */
export async function cacheFolder(...parts: string[]): Promise<string> {
  const folder = join(process.env['COPAL_CACHE'] || join(homedir(), '.cache', 'copal'), ...parts)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Does `work` while no other process does work of the same name: two that want an image make it once. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = join(await cacheFolder('locks'), name)
  while (!(await take(lock))) await sleep(300)
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function take(lock: string): Promise<boolean> {
  // Written beside and linked, so that a lock never exists without its holder's id in it.
  const mine = `${lock}.${process.pid}`
  await writeFile(mine, String(process.pid))
  try {
    await link(mine, lock)
    return true
  } catch {
    const holder = Number(await readFile(lock, 'utf8').catch(() => '0'))
    if (holder > 0 && !isAlive(holder)) await rm(lock, { force: true })
    return false
  } finally {
    await rm(mine, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
