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
    packages: ['docker.io', 'iptables', 'iproute2', 'dnsmasq-base', 'jq', 'e2fsprogs', 'socat'],
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

/**
 * The supervisor: Node.js, its bundle, and little else, for every device downloads it.
 * @param folder where the bundle lies, at the path that it has in the image
 */
export function supervisorImage(arch: Arch, folder: string): Recipe {
  return {
    name: 'copal-supervisor',
    tags: [],
    arch,
    packages: ['nodejs', 'kmod'],
    files: [join(here, 'supervisor/files'), folder],
    flat: true,
    // Nothing is ever installed into it, and no shell is at home in it.
    script: `
      rm -rf /usr/share/nodejs/corepack /usr/share/nodejs/npm /usr/bin/corepack /usr/include /usr/share/perl5
      rm -rf /usr/share/bash-completion /usr/share/nodejs/*/dist/*.map /usr/share/zoneinfo
      rm -rf /usr/lib/*-linux-*/perl-base /usr/lib/*-linux-*/gconv /usr/lib/*-linux-*/systemd /usr/lib/systemd /usr/lib/udev
      rm -rf /usr/bin/apt* /usr/lib/apt /usr/lib/*-linux-*/libapt* /usr/bin/dpkg* /usr/lib/dpkg /var/lib/dpkg /var/lib/apt /usr/share/dpkg
      rm -rf /usr/bin/sq* /usr/bin/perl* /usr/lib/*-linux-*/libdb-* /usr/share/gcc /usr/share/gdb /usr/share/keyrings /usr/bin/openssl`,
    config: {
      // Small heaps: an idle supervisor holds little, and young objects are better collected than kept.
      Entrypoint: [
        '/usr/bin/tini',
        '--',
        'node',
        '--max-semi-space-size=1',
        '--max-old-space-size=64',
        '--lite-mode', // no optimizing compiler: it waits more than it works
        '--no-expose-wasm', // which goes with it
        '/usr/lib/copal/supervisor.js',
      ],
      Cmd: [],
      Env: [
        'NODE_ENV=production',
        'LC_ALL=C.UTF-8',
        // What is free goes back to the system.
        'MALLOC_ARENA_MAX=1',
        'MALLOC_TRIM_THRESHOLD_=131072',
        'MALLOC_MMAP_THRESHOLD_=16384', // so do the pieces of layers that passed the relay
        'UV_THREADPOOL_SIZE=2',
      ],
      Labels: { 'io.copal.image': 'supervisor' },
      Healthcheck: {
        // bash speaks to a port without another Node.js being started for it every time.
        Test: ['CMD', '/usr/lib/copal/healthy'],
        Interval: 300e9,
        Timeout: 30e9,
        StartPeriod: 60e9,
        Retries: 3,
      },
    },
  }
}
