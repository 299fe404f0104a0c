// Installs what is missing: npm packages (Node 24 among them). Plain JavaScript for Node 20: it runs before anything is installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** `npm ci` where the lock file is another one than at the last time. Returns the path of Node 24. */
export function installPackages() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 11))
    fail(`cannot start with Node ${process.versions.node}: it needs Node 20.11 or newer`)
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const mark = join(root, 'node_modules', '.copal-lock')
  const installed = existsSync(mark) && readFileSync(mark, 'utf8') === lock
  if (!installed) {
    console.log('Installing npm packages …')
    const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: 'inherit',
    })
    if (done.status !== 0) fail('cannot install the npm packages · see the lines above')
    writeFileSync(mark, lock)
  }
  return node24()
}

/** Node 24 from npm, or the one that runs this where it is new enough. */
export function node24() {
  const ours = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  if (existsSync(ours)) return ours
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return fail(`cannot find Node 24 for ${process.platform}/${process.arch} · install Node 24 and try again`)
}

/**
 * Installs Debian packages that are missing. Without root (or sudo without a question) it says what to type.
 * @param {string[]} packages
 * @param {string} why
 * @param {{ start?: boolean }} [options] `start: false`: services that they bring are not started
 */
export function installDebian(packages, why, { start = true } = {}) {
  if (!existsSync('/usr/bin/apt-get'))
    fail(
      `cannot install ${packages.join(', ')} (${why}): this is no Debian or Ubuntu · install them and try again`,
    )
  const sudo = process.getuid() === 0 ? [] : canSudo() ? ['sudo', '-n'] : undefined
  if (!sudo)
    fail(
      `cannot install what is missing (${why}) without root · type:  sudo apt-get install ${packages.join(' ')}`,
    )
  console.log(`Installing ${packages.join(', ')} (${why}) …`)
  // Through env, for sudo forgets the environment. A service is not started by its package in run level 1.
  const settings = ['DEBIAN_FRONTEND=noninteractive', ...(start ? [] : ['RUNLEVEL=1'])]
  const apt = (...args) => {
    const [command, ...rest] = [
      ...sudo,
      'env',
      ...settings,
      'apt-get',
      '-qq',
      '-o',
      'Acquire::Retries=3',
      ...args,
    ]
    return spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  }
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages)
  if (install()) return
  // The index may be old: mirrors drop what is no longer current.
  apt('update')
  if (!install()) fail(`cannot install ${packages.join(', ')} · see the lines above`)
}

export function hasProgram(name) {
  return [
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
    ...(process.env.PATH ?? '').split(':'),
  ].some((folder) => folder && existsSync(join(folder, name)))
}

function canSudo() {
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}
