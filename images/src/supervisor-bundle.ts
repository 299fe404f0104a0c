// The supervisor as one file. It is bundled anew each time, which takes less than a second: what comes out, not what
// went in, is part of the image's key, so no source that matters can be forgotten.
import { rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from './cache.ts'
import { run } from './run.ts'
import type { Say } from './run.ts'

const script = fileURLToPath(new URL('../../supervisor/bundle.ts', import.meta.url))

/** @returns a folder that holds the bundle at the path that it has in the image */
export async function supervisorBundle(say: Say): Promise<string> {
  const folder = await cacheFolder('supervisor', String(process.pid))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'usr/lib/copal'), { recursive: true })
  await run([process.execPath, script, join(folder, 'usr/lib/copal/supervisor.js')], { say })
  return folder
}
