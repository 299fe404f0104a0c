// Every image that we make, as recipes.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { languages } from './catalogue.ts'
import type { Arch, Language } from './catalogue.ts'
import { npmFolder } from './npm-package.ts'
import type { Recipe } from './recipe.ts'
import type { Say } from './run.ts'

const here = fileURLToPath(new URL('..', import.meta.url))

// tini passes signals on (also to what a shell started: -g) and buries the dead, which no program here expects to
// have to do as process 1: Node would ignore SIGTERM there and cost ten seconds at every update.
const entry = ['/usr/bin/tini', '-g', '--', '/usr/bin/entry.sh']

/** What a person's Dockerfile starts from: `FROM copal/amd64-node:20`. */
export async function baseImage(language: Language, arch: Arch, say: Say): Promise<Recipe> {
  const { tags, packages, npm = [], script, command } = languages[language]
  const folders = await Promise.all(npm.map((one) => npmFolder(one, '/usr/lib/node_modules', say)))
  return {
    name: `copal/${arch}-${language}`,
    tags,
    arch,
    ...(language === 'debian' ? {} : { from: await baseImage('debian', arch, say) }),
    packages,
    files: language === 'debian' ? [join(here, 'base/files')] : folders,
    ...(script === undefined ? {} : { script }),
    config: { Entrypoint: entry, Cmd: command, Env: ['LC_ALL=C.UTF-8', 'UDEV=off'] },
  }
}

/** A Docker Engine for one organization's builds; see builder/files/usr/local/sbin/builder. */
export function builderImage(arch: Arch): Recipe {
  return {
    name: 'copal-builder',
    tags: [],
    arch,
    packages: ['docker.io', 'iptables', 'iproute2', 'dnsmasq-base', 'jq', 'e2fsprogs'],
    files: [join(here, 'nested/files'), join(here, 'builder/files')],
    script:
      'rm -rf /usr/share/docker.io/contrib /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v1 /usr/bin/containerd-stress',
    config: {
      Entrypoint: ['/usr/bin/tini', '--', '/usr/local/sbin/builder'],
      Volumes: { '/var/lib/copal': {} },
    },
  }
}

/** A whole device in a container; see device/files/usr/local/sbin/device. */
export function deviceImage(arch: Arch): Recipe {
  return {
    name: 'copal-device',
    tags: [],
    arch,
    packages: ['docker.io', 'docker-cli', 'iptables', 'iproute2', 'dnsmasq-base', 'jq', 'curl', 'procps'],
    files: [join(here, 'nested/files'), join(here, 'device/files')],
    script: `
      rm -rf /usr/share/docker.io/contrib /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v1 /usr/bin/containerd-stress
      ln -s docker /usr/bin/balena-engine
      for name in reboot poweroff shutdown halt; do ln -sf /usr/local/sbin/power /usr/sbin/$name; done`,
    config: {
      Entrypoint: ['/usr/bin/tini', '--', '/usr/local/sbin/device'],
      Volumes: { '/mnt/boot': {}, '/mnt/state': {}, '/mnt/data': {} },
    },
  }
}
