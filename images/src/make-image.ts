// A recipe becomes an image: a container of what it stands on, the packages installed in it, and a commit. Nothing of
// this machine's settings gets into it: they are mounted below /dev, which is no part of a container's layer.
import { createWriteStream } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  createContainer,
  exportContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { isMissing } from '@copal/engine/errors.ts'
import { inspectImage, tagImage } from '@copal/engine/images.ts'
import { frames, textLines } from '@copal/engine/streams.ts'
import { alone, cacheFolder } from './cache.ts'
import type { Arch } from './catalogue.ts'
import { loadRoot } from './load-root.ts'
import type { MachineSettings } from './machine-settings.ts'
import { makeRoot, rootKey } from './make-root.ts'
import { recipeKey } from './recipe.ts'
import type { Recipe } from './recipe.ts'
import type { Say } from './run.ts'
import { settingsTarget, writeSettingsFolder } from './settings-folder.ts'

export interface Making {
  engine: Engine
  /** Read when something has to be made: asking npm and pip takes seconds. */
  settings: () => Promise<MachineSettings>
  say: Say
}

export interface MadeImage {
  /** Repository and key, which names this very image. */
  name: string
  /** The same, as people write it. */
  tags: string[]
  id: string
  /** Bytes, layers below included. */
  size: number
}

/** The image of a recipe: found by its key, or made, with all that it stands on. */
export async function makeImage(making: Making, recipe: Recipe): Promise<MadeImage> {
  const key = await recipeKey(recipe)
  const name = `${recipe.name}:${key}`
  return alone(`image-${name.replaceAll(/[/:]/g, '-')}`, async () => {
    if (!(await has(making.engine, name))) await make(making, recipe, name)
    const tags = recipe.tags.map((tag) => `${recipe.name}:${tag}`)
    for (const tag of tags) await tagImage(making.engine, name, tag)
    const { Id, Size } = await inspectImage(making.engine, name)
    return { name, tags, id: Id, size: Size }
  })
}

/** The image of a processor's root. */
export async function makeRootImage(making: Making, arch: Arch): Promise<MadeImage> {
  const name = `copal/${arch}-root:${rootKey(arch)}`
  return alone(`image-${name.replaceAll(/[/:]/g, '-')}`, async () => {
    if (!(await has(making.engine, name))) {
      const tar = await makeRoot(arch, await making.settings(), making.say)
      making.say(`loading ${name}`)
      await loadRoot(making.engine, tar, name, arch)
    }
    const { Id, Size } = await inspectImage(making.engine, name)
    return { name, tags: [], id: Id, size: Size }
  })
}

async function has(engine: Engine, name: string): Promise<boolean> {
  try {
    await inspectImage(engine, name)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

async function make(making: Making, recipe: Recipe, name: string): Promise<void> {
  const { engine, say } = making
  const from = recipe.from ? await makeImage(making, recipe.from) : await makeRootImage(making, recipe.arch)
  say(`making ${name}`)
  const folder = join(await cacheFolder('making'), `${name.replaceAll(/[/:]/g, '-')}.${process.pid}`)
  const container = `copal-making-${name.replaceAll(/[/:]/g, '-')}`
  try {
    const settings = await making.settings()
    const { mounts } = await writeSettingsFolder(folder, settings, settingsTarget)
    await mkdir(join(folder, 'files'))
    await writeFile(join(folder, 'script'), scriptOf(recipe, settings))
    await Promise.all(recipe.files.map((_, number) => mkdir(join(folder, 'files', String(number)))))
    await removeContainer(engine, container, { force: true }).catch(() => {})
    await createContainer(engine, {
      name: container,
      Image: from.name,
      Entrypoint: ['/bin/sh', `${settingsTarget}/script`],
      Cmd: [],
      HostConfig: {
        // The machine's own network: it may be the only one that reaches its mirror.
        NetworkMode: 'host',
        Binds: [
          `${folder}:${settingsTarget}:ro`,
          ...recipe.files.map((source, number) => `${source}:${settingsTarget}/files/${number}:ro`),
          ...mounts.map(({ source, target }) => `${source}:${target}:ro`),
        ],
      },
    })
    await startContainer(engine, container)
    await follow(engine, container, say)
    const status = await waitContainer(engine, container)
    if (status !== 0)
      throw new Error(`cannot make ${name}: a step ended with ${status}, see the lines before`)
    if (recipe.flat) await flatten(engine, container, recipe, name, folder)
    else await commit(engine, container, recipe, name)
  } finally {
    await removeContainer(engine, container, { force: true }).catch(() => {})
    await rm(folder, { recursive: true, force: true })
  }
}

function scriptOf(recipe: Recipe, settings: MachineSettings): string {
  const at = settingsTarget
  return `set -eu
umask 022
# An empty line or a value with blanks must survive, so no word splitting here.
while IFS= read -r line; do export "$line"; done < ${at}/env
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
${recipe.packages.length > 0 ? installLines(recipe.packages, settings) : ''}
for folder in ${at}/files/*/; do
  [ -d "$folder" ] || continue
  # Whatever the umask of the checkout was; X keeps programs programs.
  tar -C "$folder" --owner=0 --group=0 --mode=u=rwX,go=rX -c . | tar -C / --no-overwrite-dir -x
done
${recipe.script ?? ''}
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /tmp/* /root/.npm /root/.cache
`
}

function installLines(packages: string[], settings: MachineSettings): string {
  // The image's own list of sources names Debian's servers; this machine may have to ask elsewhere.
  const { debianMirror, debianSecurityMirror } = settings
  const mirrors = [
    debianMirror && `s,http://deb.debian.org/debian$,${debianMirror},`,
    debianSecurityMirror && `s,http://deb.debian.org/debian-security$,${debianSecurityMirror},`,
  ].filter(Boolean)
  const sources = '/etc/apt/sources.list.d/debian.sources'
  return `
${mirrors.length > 0 ? `cp ${sources} /tmp/sources && sed -i '${mirrors.join(';')}' ${sources}` : ''}
echo 'installing ${packages.join(' ')}'
try=1
until { apt-get update -qq && apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends ${packages.join(' ')}; } > /tmp/apt.log 2>&1; do
  tail -n 20 /tmp/apt.log
  [ "$try" -lt 3 ] || exit 1
  sleep $((try * 10))
  try=$((try + 1))
done
apt-get clean
${mirrors.length > 0 ? `cp /tmp/sources ${sources}` : ''}
`
}

async function follow(engine: Engine, container: string, say: Say): Promise<void> {
  const stream = await engine.request('GET', `/containers/${container}/logs`, {
    query: { follow: true, stdout: true, stderr: true },
  })
  for await (const line of textLines(payloads())) say(line)

  async function* payloads() {
    for await (const { data } of frames(stream)) yield data
  }
}

/** All that the container holds, as an image of one layer. */
async function flatten(
  engine: Engine,
  container: string,
  recipe: Recipe,
  name: string,
  folder: string,
): Promise<void> {
  const tar = join(folder, 'flat.tar')
  await pipeline(await exportContainer(engine, container), createWriteStream(tar))
  await loadRoot(engine, tar, name, recipe.arch, recipe.config)
}

/** The container's layer, with the recipe's configuration: every field is said, for the engine fills in the container's. */
async function commit(engine: Engine, container: string, recipe: Recipe, name: string): Promise<void> {
  const [repo, tag] = name.split(':')
  const { Env = [], ...config } = recipe.config
  await engine.done('POST', '/commit', {
    query: { container, repo, tag, comment: `Copal's ${recipe.name}`, pause: false },
    body: { WorkingDir: '/', Cmd: [], ...config, Env },
  })
}
