// `npm test`: installs what is missing and runs the rings. `npm test -- pure pg` runs those alone.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasProgram, installDebian, installPackages, root } from './install.mjs'

/** `minutes`: a ring that takes longer hangs. It is cut off, so that whoever waits learns it. */
const rings = {
  check: { says: 'format, lint and types', minutes: 5 },
  pure: { says: 'tests without anything outside', minutes: 5 },
  pg: { says: 'tests with PostgreSQL', minutes: 20, needs: ['git'] },
  docker: {
    says: 'tests with Docker Engine',
    minutes: 25,
    needs: ['git', 'mmdebstrap', 'jq', 'skopeo'],
    docker: true,
  },
  e2e: {
    says: 'stories across programs',
    minutes: 25,
    needs: ['git', 'mmdebstrap', 'jq'],
    docker: true,
    postgres: true,
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in rings))
if (unknown.length > 0) {
  console.error(`cannot run ${unknown.join(', ')} · rings: ${Object.keys(rings).join(', ')}`)
  process.exit(2)
}

const node = installPackages()
const bin = join(root, 'node_modules', '.bin')
const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
let stopDocker
const failed = []
let interrupted = false
let interrupt = () => {}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    interrupted = true
    interrupt()
  })

for (const [name, ring] of Object.entries(rings)) {
  if (interrupted || (wanted.length > 0 && !wanted.includes(name))) continue
  const begin = Date.now()
  console.log(`\n── ${name}: ${ring.says} ──`)
  await prepare(ring)
  if (!(await run(name, ring.minutes))) failed.push(name)
  console.log(
    `── ${name}: ${failed.includes(name) ? 'FAILED' : 'passed'} in ${Math.round((Date.now() - begin) / 1000)} s ──`,
  )
}
await stopDocker?.()
if (interrupted) failed.push('what was interrupted')
console.log(failed.length > 0 ? `\nFailed: ${failed.join(', ')}` : '\nAll rings passed.')
process.exit(failed.length > 0 ? 1 : 0)

async function prepare(ring) {
  const missing = (ring.needs ?? []).filter((program) => !hasProgram(program))
  if (missing.length > 0) installDebian(missing, 'tests use them')
  if (ring.postgres && !existsSync('/usr/lib/postgresql'))
    installDebian(['postgresql'], 'tests try it in place of the embedded one', { start: false })
  if (!ring.docker || stopDocker) return
  const { startTestDocker } = await import('./test-docker.mjs')
  stopDocker = await startTestDocker()
  for (const name of ['DOCKER_HOST', 'COPAL_DOCKER_HOST']) environment[name] = process.env[name]
}

async function run(name, minutes) {
  if (name === 'check') return runs(minutes, 'npm', ['run', '-s', 'check'])
  const files = filesOf(name)
  if (files.length === 0) return true
  const slow = name === 'docker' || name === 'e2e'
  const args = [
    '--test',
    ...(slow ? ['--test-concurrency=1'] : ['--test-concurrency=2']),
    `--test-timeout=${slow ? 600_000 : 180_000}`,
    '--test-force-exit', // what a failed test left open does not keep its file from ending
    ...files,
  ]
  if (name === 'pure') return runs(minutes, node, args)
  const { withPostgres } = await import('./with-postgres.mjs')
  return withPostgres((url) => runs(minutes, node, args, { COPAL_TEST_DATABASE_URL: url }))
}

function filesOf(ring) {
  const all = ['wire', 'engine', 'compose', 'server', 'supervisor', 'cli', 'images', 'dev', 'e2e']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path)),
    )
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .sort()
  const ringOf = (path) =>
    path.endsWith('.pg.test.ts')
      ? 'pg'
      : path.startsWith('e2e/')
        ? 'e2e'
        : path.endsWith('.docker.test.ts')
          ? 'docker'
          : 'pure'
  return all.filter((path) => ringOf(path) === ring)
}

/** Waits without blocking, so that what the database prints is read meanwhile. */
function runs(minutes, command, args, more = {}) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...environment, ...more },
    detached: true, // a group of its own, which can be ended whole
  })
  const end = (signal) => {
    try {
      process.kill(-child.pid, signal)
    } catch {} // has ended
  }
  const hangs = setTimeout(() => {
    console.error(`not done within ${minutes} minutes; what runs still is ended`)
    end('SIGTERM')
    setTimeout(end, 10_000, 'SIGKILL').unref()
  }, minutes * 60_000)
  interrupt = () => end('SIGTERM')
  return new Promise((done) => {
    child.once('exit', (code) => done(code === 0))
    child.once('error', () => done(false))
  }).finally(() => clearTimeout(hangs))
}
