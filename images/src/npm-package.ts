// A package of the npm registry as a folder that is laid over an image: fetched once, kept in the cache.
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { alone, cacheFolder } from './cache.ts'
import { run } from './run.ts'
import type { Say } from './run.ts'

/**
 * @param parent where the package lies in the image, such as `/usr/lib/node_modules`
 * @returns a folder that holds the package at that path
 */
export async function npmFolder(
  wanted: { name: string; version: string },
  parent: string,
  say: Say,
): Promise<string> {
  const folder = join(await cacheFolder('npm'), `${wanted.name}-${wanted.version}`)
  return alone(`npm-${wanted.name}-${wanted.version}`, async () => {
    if (
      await access(folder).then(
        () => true,
        () => false,
      )
    )
      return folder
    const unfinished = `${folder}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    const target = join(unfinished, parent, wanted.name)
    await mkdir(target, { recursive: true })
    say(`fetching ${wanted.name} ${wanted.version} from the npm registry`)
    // npm checks the digest that the registry gives for the file.
    await run(
      ['npm', 'pack', `${wanted.name}@${wanted.version}`, '--silent', '--pack-destination', unfinished],
      { say, cwd: unfinished },
    )
    const file = join(unfinished, `${wanted.name}-${wanted.version}.tgz`)
    await run(['tar', '-xzf', file, '-C', target, '--strip-components=1'], { say })
    // Manuals and pages for people.
    await Promise.all(['docs', 'man'].map((name) => rm(join(target, name), { recursive: true, force: true })))
    await rm(file)
    await rename(unfinished, folder)
    return folder
  })
}
