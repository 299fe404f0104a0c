// A whole platform for a story: started as a newcomer starts it, with a data folder and a port of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')
const password = 'correct horse'
const minutes = 60_000

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

export interface Platform extends AsyncDisposable {
  url: string
  port: number
  /** A session token of the administrator. */
  token: string
  /** The parent, `npm start`. */
  parent: ChildProcess
  /** Process id of the server itself. */
  serverPid(): Promise<number>
  /** Process id of PostgreSQL's postmaster. */
  databasePid(): Promise<number>
  /** As `COPAL_DATABASE_URL`: for proofs that look at rows. */
  databaseUrl: string
  /** Resolves when the server answers (it may have been killed just now). */
  answers(): Promise<void>
  /** GET of a path, as the administrator; throws unless it is answered with 200. */
  get(path: string): Promise<any>
  dataDir: string
  /** A scratch folder that goes away with the platform. */
  folder: string
  /** The `copal` command, logged in as the administrator; fails unless it exits with 0. */
  copal(...args: string[]): Promise<string>
  /** The same, whatever its exit code. */
  tryCopal(...args: string[]): Promise<Ran>
  json(...args: string[]): Promise<any>
  /** A git repository with these files (or a copy of an example), committed. */
  project(files: Record<string, string> | { example: string }): Promise<Project>
  addDevice(fleet: string): Promise<Device>
  start(): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface Project {
  folder: string
  git(...args: string[]): Promise<Ran>
  write(path: string, content: string): Promise<void>
  commit(message?: string): Promise<string>
  /** Address of a fleet's git remote, with name and password. */
  remote(fleet: string): string
  /** `git push` of HEAD to `main` of the fleet. */
  push(fleet: string, ...flags: string[]): Promise<Ran>
}

export interface Device {
  uuid: string
  name: string
  /** `http://127.0.0.1:<port>`: the device's port 80. */
  address: string
  show(): Promise<any>
  logs(): Promise<string[]>
  /** Name of the container that it is, on this machine's engine. */
  container: string
  /** As when its power is cut and comes back. */
  reboot(): Promise<void>
  /** Runs `docker <args>` on the device's own engine. */
  docker(...args: string[]): Promise<string>
  /** Process id, on this machine, of the supervisor itself (not of its init); waits until there is one. */
  supervisorPid(): Promise<number>
}

/** Starts PostgreSQL, server and whatever else `npm start` starts; `--no-device` unless `device` is set. */
export async function startPlatform(settings: Record<string, string> = {}): Promise<Platform> {
  await using starting = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'copal-e2e-'))
  starting.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const port = await freePort()
  const dataDir = join(folder, 'data')
  const url = `http://127.0.0.1:${port}`
  const environment = {
    ...process.env,
    COPAL_PORT: String(port),
    COPAL_DATA_DIR: dataDir,
    COPAL_ADMIN_EMAIL: 'admin@example.test',
    COPAL_ADMIN_PASSWORD: password,
    COPAL_CONFIG_DIR: join(folder, 'cli'),
    COPAL_LOG_LEVEL: 'info',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    ...settings,
  }
  let parent: ChildProcess | undefined
  let log = ''

  async function start(): Promise<void> {
    log = ''
    const child = spawn(process.execPath, [join(root, 'dev/start.mjs'), '--no-device'], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    parent = child
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-200_000)
        if (process.env.COPAL_E2E_SHOW) process.stderr.write(text)
      })
    const ended = new Promise<never>((_, failed) =>
      child.once('exit', (code) => failed(new Error(`npm start ended with ${code}:\n${log}`))),
    )
    ended.catch(() => {})
    await Promise.race([
      ended,
      until(
        async () => log.includes('Copal is ready'),
        5 * minutes, // the very first start installs packages
        () => `no platform after five minutes:\n${log}`,
      ),
    ])
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = parent
    if (!child || child.exitCode !== null || child.signalCode) return
    const exited = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    await exited
  }

  const databaseFolder = join(dataDir, 'postgres')
  let token = ''
  async function get(path: string): Promise<any> {
    const response = await fetch(url + path, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(30_000),
    })
    if (!response.ok)
      throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`)
    return response.json()
  }

  async function tryCopal(...args: string[]): Promise<Ran> {
    return run(process.execPath, [join(root, 'cli/src/main.ts'), ...args], { env: environment })
  }
  async function copal(...args: string[]): Promise<string> {
    const ran = await tryCopal(...args)
    if (ran.code !== 0)
      throw new Error(`copal ${args.join(' ')} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }
  const json = async (...args: string[]) => JSON.parse(await copal(...args, '--json'))

  starting.defer(async () => {
    await stop()
    await removeCaches(port, environment)
  })
  await start()
  await copal('login', url, '--user', 'admin', '--password', password)
  token = await login(url)
  const devices: string[] = []
  starting.defer(async () => {
    const removed = await tryCopal('device', 'rm', '--virtual', '--all', '--yes')
    if (removed.code !== 0) for (const uuid of devices) await removeContainer(uuid)
  })
  const parts = starting.move()

  return {
    url,
    port,
    token,
    get parent() {
      return parent!
    },
    dataDir,
    folder,
    copal,
    tryCopal,
    json,
    start,
    stop,
    get,
    async answers() {
      await until(
        () => get('/actor/v1/whoami'),
        minutes,
        () => `the server does not answer:\n${log}`,
      )
    },
    databaseUrl: `postgres:///copal?host=${encodeURIComponent(join(databaseFolder, 'socket'))}&user=copal`,
    async databasePid() {
      return Number((await readFile(join(databaseFolder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0])
    },
    async serverPid() {
      const { stdout } = await run('ps', ['-o', 'pid=,args=', '--ppid', String(parent!.pid)])
      const line = stdout.split('\n').find((each) => each.includes('server/src/main.ts'))
      return Number(line?.trim().split(' ')[0])
    },
    async project(files) {
      const place = await mkdtemp(join(folder, 'project-'))
      if ('example' in files && typeof files.example === 'string')
        await cp(join(root, 'examples', files.example), place, { recursive: true })
      else for (const [path, content] of Object.entries(files)) await put(place, path, content)
      const project = projectIn(
        place,
        `http://admin:${encodeURIComponent(password)}@127.0.0.1:${port}`,
        environment,
      )
      await project.git('init', '-q', '-b', 'main')
      await project.commit('first')
      return project
    },
    async addDevice(fleet) {
      const { uuid, name, address } = await json('device', 'add', '--virtual', '--fleet', fleet)
      devices.push(uuid)
      const container = `copal-device-${uuid.slice(0, 7)}`
      return {
        uuid,
        name,
        address,
        container,
        show: () => json('device', 'show', uuid),
        async logs() {
          return (await json('logs', uuid)).map((line: { message: string }) => line.message)
        },
        async reboot() {
          const booted = await run('docker', ['restart', '--time', '0', container], { env: environment })
          if (booted.code !== 0) throw new Error(`${name} did not boot: ${booted.stderr}`)
        },
        async docker(...args) {
          const ran = await run('docker', ['exec', container, 'docker', ...args], {
            env: environment,
          })
          if (ran.code !== 0)
            throw new Error(`docker ${args.join(' ')} on the device ended with ${ran.code}: ${ran.stderr}`)
          return ran.stdout.trim()
        },
        supervisorPid: () =>
          until(
            async () => {
              const { stdout } = await run('docker', ['top', container, '-eo', 'pid,args'], {
                env: environment,
              })
              const line = stdout.split('\n').find((each) => /^\s*\d+\s+node .*supervisor\.js/.test(each))
              return line === undefined ? undefined : Number.parseInt(line)
            },
            minutes, // the device waits some seconds before it starts again what died soon after its start
            () => `no supervisor runs on ${name}`,
          ),
      }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** What builders keep between builds, and a platform keeps between its starts. */
async function removeCaches(port: number, env: NodeJS.ProcessEnv): Promise<void> {
  const { stdout } = await run('docker', ['volume', 'ls', '-q', '--filter', 'name=copal-builder-'], { env })
  const ours = stdout.split('\n').filter((name) => name.endsWith(`-${port}`))
  if (ours.length > 0) await run('docker', ['volume', 'rm', ...ours], { env })
}

/** What `copal device rm` does, where no platform answers any more. */
async function removeContainer(uuid: string): Promise<void> {
  const label = `label=io.copal.virtual-device=${uuid}`
  await run('docker', ['rm', '-f', '-v', `copal-device-${uuid.slice(0, 7)}`])
  const { stdout } = await run('docker', ['volume', 'ls', '-q', '--filter', label])
  for (const volume of stdout.split('\n').filter(Boolean)) await run('docker', ['volume', 'rm', volume])
}

async function login(url: string): Promise<string> {
  const response = await fetch(`${url}/login_`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  return response.text()
}

function projectIn(folder: string, remote: string, environment: NodeJS.ProcessEnv): Project {
  const git = (...args: string[]) =>
    run(
      'git',
      [
        '-c',
        'user.name=Story',
        '-c',
        'user.email=story@example.test',
        '-c',
        'protocol.file.allow=always',
        ...args,
      ],
      { cwd: folder, env: environment },
    )
  const remoteOf = (fleet: string) => `${remote}/git/${fleet}.git`
  return {
    folder,
    git,
    write: (path, content) => put(folder, path, content),
    async commit(message = 'change') {
      await git('add', '-A')
      const done = await git('commit', '-q', '--allow-empty', '-m', message)
      if (done.code !== 0) throw new Error(done.stderr)
      return (await git('rev-parse', 'HEAD')).stdout.trim()
    },
    remote: remoteOf,
    push: (fleet, ...flags) => git('push', ...flags, remoteOf(fleet), 'HEAD:main'),
  }
}

async function put(folder: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

export function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    child.once('error', failed)
    child.once('close', (code) => done({ code: code ?? 1, stdout, stderr }))
  })
}

/** Waits until `condition` returns something truthy, and returns that. */
export async function until<T>(
  condition: () => Promise<T>,
  milliseconds: number,
  late: () => string | Promise<string>,
): Promise<NonNullable<T>> {
  const end = Date.now() + milliseconds
  for (;;) {
    const value = await condition().catch(() => undefined)
    if (value) return value as NonNullable<T>
    if (Date.now() > end) throw new Error(await late())
    await sleep(100)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
