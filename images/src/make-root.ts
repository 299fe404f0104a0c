// The root that every image of a processor stands on: Debian's smallest, made by mmdebstrap.
import { createHash } from 'node:crypto'
import { access, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { alone, cacheFolder } from './cache.ts'
import { architectures, packagesAsOf, suite } from './catalogue.ts'
import type { Arch } from './catalogue.ts'
import { keyring, needMmdebstrap, needProcessor } from './host-tools.ts'
import type { MachineSettings } from './machine-settings.ts'
import { run } from './run.ts'
import type { Say } from './run.ts'

// ca-certificates and tini belong to every image; the rest is what Debian calls essential, and apt.
const packages = ['ca-certificates', 'tini', 'netbase']

// Manuals, translations and changelogs are for people at a terminal; the rule stays in the image, so that packages
// installed later leave theirs out too.
const leftOut = [
  '/usr/share/man/*',
  '/usr/share/doc/*',
  '/usr/share/locale/*',
  '/usr/share/info/*',
  '/usr/share/lintian/*',
]
const keptAll = ['/usr/share/doc/*/copyright', '/usr/share/locale/locale.alias']

const sources = `Types: deb
URIs: http://deb.debian.org/debian
Suites: ${suite} ${suite}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: ${suite}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

/** What the root is made of, in 12 hex digits: the same key, the same recipe. */
export function rootKey(arch: Arch): string {
  const recipe = JSON.stringify({
    arch,
    suite,
    packagesAsOf,
    packages,
    leftOut,
    keptAll,
    sources,
    version: 1,
  })
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12)
}

/**
 * The root as a tar in the cache, made when it is not there: half a minute to two for this machine's own processor,
 * two to six for one that is emulated.
 * @returns the tar's path
 */
export async function makeRoot(arch: Arch, settings: MachineSettings, say: Say): Promise<string> {
  const key = rootKey(arch)
  const file = join(await cacheFolder('roots'), `${suite}-${arch}-${key}.tar`)
  return alone(`root-${arch}-${key}`, async () => {
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file
    await needMmdebstrap(say)
    await needProcessor(arch)
    const unfinished = `${file}.${process.pid}.unfinished`
    try {
      await bootstrap(arch, unfinished, settings, say)
      await rename(unfinished, file)
    } finally {
      await rm(unfinished, { force: true })
    }
    return file
  })
}

async function bootstrap(arch: Arch, file: string, settings: MachineSettings, say: Say): Promise<void> {
  const mirror = settings.debianMirror ?? 'http://deb.debian.org/debian'
  const security = settings.debianSecurityMirror ?? mirror.replace(/debian$/, 'debian-security')
  const command = [
    'mmdebstrap',
    '--format=tar',
    '--variant=minbase',
    `--architectures=${architectures[arch].debian}`,
    `--include=${packages.join(',')}`,
    `--keyring=${await keyring()}`,
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...keptAll.map((path) => `--dpkgopt=path-include=${path}`),
    ...settings.aptLines.map((line) => `--aptopt=${line}`),
    // How this machine reaches its mirror is no business of the image's.
    '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list',
    '--customize-hook=rm -f "$1"/etc/apt/sources.list.d/*',
    `--customize-hook=printf %s '${sources}' > "$1"/etc/apt/sources.list.d/debian.sources`,
    '--customize-hook=rm -rf "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old "$1"/var/log/*',
    suite,
    file,
    '-',
  ]
  const lines = [
    `deb ${mirror} ${suite} main`,
    `deb ${mirror} ${suite}-updates main`,
    `deb ${security} ${suite}-security main`,
  ]
  for (let attempt = 1; ; attempt++) {
    try {
      say(`making the Debian root for ${arch} from ${mirror}`)
      await run(command, {
        say,
        input: lines.join('\n') + '\n',
        // Times inside the tar are clamped to this: the same packages give the same bytes. /tmp may be a small tmpfs.
        env: { SOURCE_DATE_EPOCH: String(Date.parse(packagesAsOf) / 1000), TMPDIR: '/var/tmp' },
      })
      return
    } catch (error) {
      // A mirror's index can be inconsistent for a moment while it is renewed.
      if (attempt === 3) throw error
      say(`trying again in ${attempt * 10} s: ${(error as Error).message.split('\n').at(-1)}`)
      await rm(file, { force: true })
      await sleep(attempt * 10_000)
    }
  }
}
