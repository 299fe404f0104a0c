// `npm start`: the parent of everything on one machine. It installs what is missing, starts PostgreSQL and the server, starts
// again what dies, and stops what it started. Plain JavaScript: it runs on Node 20, before anything is installed.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startDocker } from './docker.mjs'
import { fail, hasProgram, installDebian, installPackages, root } from './install.mjs'
import { keepRunning } from './keep-running.mjs'
import { ensureDatabase, startPostgres } from './postgres.mjs'
import { banner } from './banner.mjs'

const { values: options } = readArguments()
const node = installPackages()
const dataDir = resolve(root, process.env.COPAL_DATA_DIR ?? '.copal')
mkdirSync(dataDir, { recursive: true })

const started = []
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop())
// Whoever reads us is gone: the terminal was closed. What we started must not stay behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop())
process.on('uncaughtException', (error) => {
  console.error(error)
  stop(1)
})

if (!hasProgram('git')) installDebian(['git'], 'the platform takes pushes with it')
const docker = await startDocker(join(dataDir, 'docker'))
started.push(docker)

let databaseUrl = process.env.COPAL_DATABASE_URL
if (!databaseUrl) {
  const database = await startDatabase()
  databaseUrl = database.url
  await ensureDatabase(databaseUrl)
}

const environment = {
  ...process.env,
  COPAL_DATA_DIR: dataDir,
  COPAL_DATABASE_URL: databaseUrl,
  COPAL_DOCKER_HOST: docker.host,
  NODE_COMPILE_CACHE: join(dataDir, 'compile-cache'),
}
let told = false
const server = keepRunning('the server', () => {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, 'server/src/main.ts')], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true, // Ctrl-C reaches this parent alone, which stops its children in order
  })
  child.on('message', (message) => {
    if (!message.ready || told) return
    told = true
    ready(message)
  })
  return child
})
started.push(server)

/** The server answers: tell the person, and add the first device. */
function ready({ port, user, token, firstLogin }) {
  const address = `http://localhost:${port}`
  console.log(banner({ address, user, firstLogin, device: options.device }))
  // Where systemd starts none, the engine is ours, and the command would not find it.
  if (docker.isOurs)
    console.log(
      `  Before commands for virtual devices (copal device add, open, start, stop), in that terminal:\n\n    export DOCKER_HOST=${docker.host}\n`,
    )
  if (!options.device) return
  addFirstDevice({ ...environment, COPAL_URL: address, COPAL_TOKEN: token, DOCKER_HOST: docker.host }, user)
}

/** A virtual device in the first fleet: made at the first start, switched on at later ones, switched off in the end. */
function addFirstDevice(env, user) {
  const copal = (args, stdio) =>
    spawn(node, [join(root, 'cli/src/main.ts'), ...args], { env, stdio, detached: true })
  const adding = copal(
    ['device', 'add', '--virtual', '--first', '--fleet', `${user}/hello`, '--json'],
    ['ignore', 'pipe', 'inherit'],
  )
  let told = ''
  let device
  adding.stdout.setEncoding('utf8').on('data', (text) => (told += text))
  const added = new Promise((done) => adding.once('close', done)).then((code) => {
    if (code !== 0) return
    device = JSON.parse(told)
    console.log(
      `  Device ${device.name} (${device.uuid.slice(0, 7)}) is online. Its port 80: ${device.address}\n`,
    )
  })
  started.push({
    async stop() {
      if (adding.exitCode === null) adding.kill('SIGTERM')
      await added
      if (!device) return
      const stopping = copal(['device', 'stop', device.uuid], 'ignore')
      await new Promise((done) => stopping.once('close', done))
    },
  })
}

async function startDatabase() {
  const folder = join(dataDir, 'postgres')
  let current = startPostgres(folder)
  started.push({ stop: async () => (await current.catch(() => undefined))?.stop() }) // also while it still starts
  const database = await current
  watch(database)
  return database

  // The server waits and reconnects by itself while the database is started again.
  function watch(running) {
    running.exited.then(async () => {
      if (stopping) return
      console.error('PostgreSQL ended; starting it again')
      current = startPostgres(folder)
      watch(await current.catch((error) => fail(error.message)))
    })
  }
}

async function stop(code = 0) {
  if (stopping) return
  stopping = true
  console.log('\nStopping …')
  for (const part of started.reverse()) await part.stop()
  process.exit(code)
}

function readArguments() {
  try {
    return parseArgs({ options: { device: { type: 'boolean', default: true } }, allowNegative: true })
  } catch (error) {
    return fail(`cannot read the arguments: ${error.message} · there is one: --no-device`)
  }
}
