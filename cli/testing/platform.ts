// For tests only: the real server as a process of its own, and `copal` run as people run it.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureDatabase } from '../../dev/postgres.mjs'

const root = join(import.meta.dirname, '..', '..')
export const password = 'correct horse'
// Kept between runs: most of the start of a program is reading its sources.
const compileCache = join(tmpdir(), 'copal-test-compile-cache')

export interface Ran {
  code: number | null
  out: string
  err: string
}

export interface Platform extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`; https answers on the same port. */
  url: string
  port: number
  /** Runs `copal` as somebody who is logged in as `admin`. */
  copal(...args: string[]): Promise<Ran>
  /** As `copal`; fails unless it ends with 0, and gives what it printed. */
  ok(...args: string[]): Promise<string>
  /** What it prints with `--json`. */
  json(...args: string[]): Promise<any>
  start(args: string[], environment?: Record<string, string>): Running
  /** A JSON request as `admin`, or with another token. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<any>
  /** A device that registered as a real one does. */
  device(fleet: string, name?: string): Promise<{ id: number; uuid: string; key: string }>
  /** A release as clients make one that built it themselves; of no service, so that nothing needs to be in the registry. */
  release(fleet: string, fields?: Record<string, unknown>): Promise<{ id: number; commit: string }>
  stop(): Promise<void>
  restart(): Promise<void>
}

export async function startPlatform(settings: Record<string, string> = {}): Promise<Platform> {
  await using starting = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'copal-cli-'))
  starting.defer(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o711) // git runs as a user of its own, who walks through it
  const port = await freePort()
  const environment = {
    ...process.env,
    COPAL_PORT: String(port),
    COPAL_HOST: '127.0.0.1',
    COPAL_URL: `https://127.0.0.1:${port}`,
    COPAL_DATA_DIR: folder,
    COPAL_DATABASE_URL: await makeDatabase(),
    COPAL_ADMIN_EMAIL: 'admin@example.test',
    COPAL_ADMIN_PASSWORD: password,
    COPAL_LOG_LEVEL: 'error',
    COPAL_DOCKER_HOST: `unix://${join(folder, 'no-docker.sock')}`,
    NODE_COMPILE_CACHE: compileCache,
    ...settings,
  }
  let server = await startServer(environment)
  starting.defer(() => stopServer(server))
  const url = `http://127.0.0.1:${port}`
  const token = await login(url)
  const me = { COPAL_URL: url, COPAL_TOKEN: token, COPAL_CONFIG_DIR: join(folder, 'config') }

  const start = (args: string[], more: Record<string, string> = {}) => startCopal(args, { ...me, ...more })
  const call = async (method: string, path: string, body?: unknown, as = token) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${as}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const said = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${said}`)
    return answer.headers.get('content-type')?.includes('json') ? JSON.parse(said) : said
  }
  const ok = async (...args: string[]) => {
    const { code, out, err } = await start(args).ended
    if (code !== 0) throw new Error(`copal ${args.join(' ')} ended with ${code}: ${out}${err}`)
    return out
  }
  const json = async (...args: string[]) => JSON.parse(await ok(...args, '--json'))
  const parts = starting.move()
  return {
    url,
    port,
    start,
    call,
    ok,
    json,
    copal: (...args) => start(args).ended,
    async device(fleet, name) {
      const { id } = await json('fleet', 'show', fleet)
      const provisioning = await call('POST', `/api-key/application/${id}/provisioning`, {})
      const [uuid, key] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
      const body = { application: id, device_type: 'genericx86-64-ext', uuid, api_key: key }
      const made = await call('POST', '/device/register', body, provisioning)
      if (name) await call('PATCH', `/v7/device(${made.id})`, { device_name: name })
      return { id: made.id, uuid, key }
    },
    async release(fleet, fields = {}) {
      const { id } = await json('fleet', 'show', fleet)
      const commit = randomBytes(20).toString('hex')
      const body = {
        belongs_to__application: id,
        commit,
        composition: { services: {} },
        status: 'success',
        source: 'local',
        start_timestamp: new Date().toISOString(),
        ...fields,
      }
      return { commit, id: (await call('POST', '/v7/release', body)).id }
    },
    stop: () => stopServer(server),
    async restart() {
      await stopServer(server)
      server = await startServer(environment)
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

export interface Running {
  child: ChildProcess
  /** All that it printed so far. */
  said(): string
  /** Waits until its output has this in it; fails after 15 s. */
  says(what: string): Promise<void>
  ended: Promise<Ran>
}

/** `copal` in a folder of its own for what it remembers; no terminal, no input. */
export function startCopal(args: string[], environment: Record<string, string>): Running {
  const child = spawn(process.execPath, [join(root, 'cli/src/main.ts'), ...args], {
    env: { ...process.env, TZ: 'UTC', NODE_COMPILE_CACHE: compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  let [out, err] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (some) => (out += some))
  child.stderr!.setEncoding('utf8').on('data', (some) => (err += some))
  const ended = new Promise<Ran>((done) => child.once('close', (code) => done({ code, out, err })))
  const said = () => out + err
  return {
    child,
    said,
    ended,
    async says(what) {
      for (const end = Date.now() + 15_000; !said().includes(what);) {
        if (Date.now() > end) throw new Error(`not said within 15 s: ${what}\nbut: ${said()}`)
        await new Promise((done) => setTimeout(done, 25))
      }
    },
  }
}

async function startServer(environment: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(root, 'server/src/main.ts')], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const fault = text(child.stderr!)
  await new Promise<void>((done, failed) => {
    child.once('message', () => done())
    child.once('exit', () => void fault.then((said) => failed(new Error(`the server ended: ${said}`))))
  })
  return child
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  await ended
}

/** On the PostgreSQL of the test run, which forgets everything at its end. */
async function makeDatabase(): Promise<string> {
  const server = process.env.COPAL_TEST_DATABASE_URL
  if (!server) throw new Error('cannot run without PostgreSQL · use `npm run test:pg -- <files>`')
  const name = `cli_${randomBytes(6).toString('hex')}`
  await ensureDatabase(server, name)
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

async function login(url: string): Promise<string> {
  const answer = await fetch(`${url}/login_`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  return answer.text()
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
