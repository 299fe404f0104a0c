// What this machine must have before a Debian root can be made on it.
import { access, readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { architectures, machineArch } from './catalogue.ts'
import type { Arch } from './catalogue.ts'
import { run } from './run.ts'
import type { Say } from './run.ts'

const wanted = ['mmdebstrap', 'debian-archive-keyring']

/** Installs mmdebstrap where we may. @throws Error that says what to install where we may not */
export async function needMmdebstrap(say: Say): Promise<void> {
  if ((await inPath('mmdebstrap')) && (await findKeyring())) return
  const command = `apt-get install -y ${wanted.join(' ')}`
  if (process.getuid?.() !== 0 || !(await inPath('apt-get'))) {
    throw new Error(
      `cannot make images from Debian packages: mmdebstrap is not installed · run: sudo ${command}`,
    )
  }
  say(`installing ${wanted.join(' and ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run(['apt-get', 'update', '-qq'], { say, env })
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...wanted], { say, env })
}

/** The keys by which Debian's packages are checked. */
export async function keyring(): Promise<string> {
  const found = await findKeyring()
  if (found) return found
  throw new Error(
    'cannot check the signatures of Debian packages: its keys are missing · run: sudo apt-get install -y debian-archive-keyring',
  )
}

/** @throws Error when programs of this processor do not run here */
export async function needProcessor(arch: Arch): Promise<void> {
  const own = machineArch()
  if (arch === own) return
  const emulators = await readdir('/proc/sys/fs/binfmt_misc').catch(() => [] as string[])
  const name = { amd64: 'x86_64', aarch64: 'aarch64', armv7hf: 'arm', rpi: 'arm' }[arch]
  for (const entry of emulators.filter((file) => file === `qemu-${name}`)) {
    if ((await readFile(join('/proc/sys/fs/binfmt_misc', entry), 'utf8')).startsWith('enabled')) return
  }
  throw new Error(
    `cannot run programs for ${arch} on this ${own} machine · run: sudo apt-get install -y qemu-user-static binfmt-support (Debian: ${architectures[arch].debian})`,
  )
}

async function findKeyring(): Promise<string | undefined> {
  for (const name of ['debian-archive-keyring.pgp', 'debian-archive-keyring.gpg']) {
    const file = `/usr/share/keyrings/${name}`
    if (await exists(file)) return file
  }
  return undefined
}

async function inPath(program: string): Promise<boolean> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  for (const folder of folders) if (await exists(join(folder, program))) return true
  return false
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
