// A PostgreSQL as the operating system has it, apart from the platform: reached over TCP with a password, by a role that owns its
// database and may do nothing else.
import { execFileSync, spawn } from 'node:child_process'
import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { freePort, until } from './platform.ts'

const nobody = 65534
const oldest = 15
const password = 'kept by somebody else'

export interface ExternalPostgres extends AsyncDisposable {
  /** What `COPAL_DATABASE_URL` takes. */
  url: string
  version: number
  /** Ends it as a restart of its machine does, and starts it again. */
  restart(): Promise<void>
}

/** @throws Error when none from 15 on is installed */
export async function startExternalPostgres(): Promise<ExternalPostgres> {
  const { version, bin } = await installed()
  const folder = await mkdtemp(join(tmpdir(), 'copal-external-'))
  // It refuses to run as root.
  const who = process.getuid!() === 0 ? { uid: nobody, gid: nobody } : {}
  if (who.uid) await chown(folder, nobody, nobody)
  const data = join(folder, 'data')
  const secret = join(folder, 'password')
  await writeFile(secret, password)
  if (who.uid) await chown(secret, nobody, nobody)
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'owner', '-A', 'scram-sha-256', '--pwfile', secret, '--no-sync'],
    { ...who, cwd: '/', stdio: 'ignore' },
  )
  const port = await freePort()
  let child = start()
  const owner = { host: '127.0.0.1', port, username: 'owner', password, database: 'postgres', max: 1 }
  await untilAnswers()
  const sql = postgres(owner)
  await sql.unsafe(`create role copal login password '${password}'`)
  await sql.unsafe('create database copal owner copal')
  await sql.end()

  return {
    url: `postgres://copal:${encodeURIComponent(password)}@127.0.0.1:${port}/copal`,
    version,
    async restart() {
      await stop()
      child = start()
      await untilAnswers()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }

  function start() {
    return spawn(
      join(bin, 'postgres'),
      ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
      { ...who, cwd: '/', stdio: 'ignore' },
    )
  }
  async function stop(): Promise<void> {
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGINT') // ends sessions at once
    await ended
  }
  function untilAnswers(): Promise<unknown> {
    return until(
      async () => {
        const asking = postgres({ ...owner, connect_timeout: 2, onnotice: () => {} })
        try {
          return (await asking`select 1`).length === 1
        } finally {
          await asking.end({ timeout: 1 })
        }
      },
      60_000,
      () => `PostgreSQL ${version} does not answer`,
    )
  }
}

/** Where Debian and Ubuntu put it: each version has a folder of its own. */
async function installed(): Promise<{ version: number; bin: string }> {
  const home = '/usr/lib/postgresql'
  const versions = (await readdir(home).catch(() => [])).map(Number).filter((version) => version >= oldest)
  if (versions.length === 0)
    throw new Error(`cannot find PostgreSQL ${oldest} or newer · install the package postgresql`)
  const version = Math.min(...versions)
  return { version, bin: join(home, String(version), 'bin') }
}
