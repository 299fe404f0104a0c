// A small image for tests, from what any Linux has: a shell and a few commands with the libraries they need.
// Nothing is downloaded.
import { execFile, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { Engine } from '../engine.ts'
import { importImage } from '../images.ts'

const run = promisify(execFile)
const programs = ['sh', 'sleep', 'cat', 'env', 'touch', 'ls']

/** Its file system as a tar, about 3 MB. */
export async function tinyRoot(): Promise<Readable> {
  const files = new Set<string>()
  for (const program of programs) {
    const { stdout: path } = await run('sh', ['-c', `command -v ${program}`])
    files.add(path.trim())
    const { stdout: libraries } = await run('ldd', [path.trim()])
    for (const [library] of libraries.matchAll(/\/\S+/g)) files.add(library)
  }
  // Links are followed: on a merged /usr both /bin and /lib64 are links to folders. Programs all land in /bin.
  const names = [...files].map((file) => file.slice(1))
  const tar = spawn('tar', ['-C', '/', '--transform', 's,^usr/bin/,bin/,', '-chf', '-', ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return tar.stdout
}

/**
 * Imports it under `tag`; gives the image's id.
 * @param changes Dockerfile lines, such as `CMD ["sh", "-c", "echo hello; exec sleep 1000"]`
 */
export async function importTinyImage(engine: Engine, tag: string, changes: string[] = []): Promise<string> {
  return importImage(engine, await tinyRoot(), tag, { changes: ['ENV PATH=/bin', ...changes] })
}
