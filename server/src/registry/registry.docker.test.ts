// Genuine clients against a server in a process of its own, which can be killed.
import assert from 'node:assert/strict'
import { spawn, execFile, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connect } from '../kit/db/db.ts'
import { testDatabase } from '../kit/db/test-database.ts'
import {
  client,
  expect,
  seedDevice,
  seedFleet,
  seedImage,
  sha256,
  type Client,
  type Rows,
} from './test-registry.ts'

const password = 'correct horse'
const run = promisify(execFile)
const parts = new AsyncDisposableStack()
let rows: Rows
let folder: string
let port: number
let host: string
let server: ChildProcess
let fleet: number

before(async () => {
  const database = parts.use(await testDatabase())
  folder = await mkdtemp(join(tmpdir(), 'copal-registry-'))
  parts.defer(() => rm(folder, { recursive: true, force: true }))
  port = await freePort()
  host = `127.0.0.1:${port}` // docker takes our CA's certificate on loopback addresses
  environment = {
    ...process.env,
    COPAL_PORT: String(port),
    COPAL_HOST: '127.0.0.1',
    COPAL_URL: `https://${host}`,
    COPAL_DATA_DIR: folder,
    COPAL_DATABASE_URL: database.url,
    COPAL_ADMIN_EMAIL: 'admin@example.test',
    COPAL_ADMIN_PASSWORD: password,
    COPAL_LOG_LEVEL: 'error',
  }
  parts.defer(() => kill('SIGTERM'))
  await start()
  rows = { db: parts.use(connect(database.url, { connections: 1 })), now: () => new Date() }
  fleet = await seedFleet(rows, 'admin', 'hello')
})
after(() => parts.disposeAsync())

let environment: NodeJS.ProcessEnv

test('docker pushes an image, and a device pulls exactly that by its digest', async () => {
  const repository = await seedImage(rows, fleet)
  await using image = await scratchImage(`${host}/${repository}:latest`)
  const { uuid, key } = await seedDevice(rows, fleet)
  await using admin = await docker('admin', password)
  await using device = await docker(`d_${uuid}`, key)
  const pushed = await admin.run('push', image.name)
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1]
  assert.ok(digest, pushed)
  await admin.run('rmi', image.name)
  const name = `${host}/${repository}@${digest}`
  await device.run('pull', name)
  assert.equal((await device.run('image', 'inspect', '--format', '{{.Id}}', name)).trim(), image.id)
  await device.run('rmi', name)
})

test('layers that the repository of an earlier build holds are not sent again', async () => {
  const [first, second] = [await seedImage(rows, fleet), await seedImage(rows, fleet)]
  await using admin = await docker('admin', password)
  await using image = await scratchImage(`${host}/${first}:latest`)
  await admin.run('push', image.name)
  const again = `${host}/${second}:latest`
  await admin.run('tag', image.name, again)
  const output = await admin.run('push', again).finally(() => admin.run('rmi', again))
  assert.equal(output.match(/Mounted from|Layer already exists/g)?.length, 2, output)
})

test('a foreign device is denied, with a sentence, and a wrong password is told at login', async () => {
  const repository = await seedImage(rows, fleet)
  const other = await seedFleet(rows, 'admin', 'other')
  const { uuid, key } = await seedDevice(rows, other)
  await using stranger = await docker(`d_${uuid}`, key)
  await assert.rejects(stranger.run('pull', `${host}/${repository}:latest`), /denied/)
  await assert.rejects(docker('admin', 'wrong'), /the password or key, is wrong/)
})

test('skopeo copies an image in, from one repository to the next, and out, and its bytes stay the same', async () => {
  await using image = await scratchImage(`copal-test/${randomBytes(4).toString('hex')}:skopeo`)
  const credentials = `admin:${password}`
  const [one, two] = [await seedImage(rows, fleet), await seedImage(rows, fleet)].map(
    (repository) => `docker://${host}/${repository}:latest`,
  )
  const into = ['copy', '--dest-tls-verify=false', '--dest-creds', credentials]
  const outOf = ['--src-tls-verify=false', '--src-creds', credentials]
  const daemon = process.env.DOCKER_HOST ? ['--src-daemon-host', process.env.DOCKER_HOST] : []
  await skopeo(...into, ...daemon, `docker-daemon:${image.name}`, one!)
  await skopeo(...into, ...outOf, one!, two!)
  await skopeo('copy', ...outOf, two!, `dir:${join(folder, 'back')}`)
  const manifest = await readFile(join(folder, 'back', 'manifest.json'))
  for (const name of [one!, two!]) {
    const inspected = await skopeo('inspect', '--tls-verify=false', '--creds', credentials, name)
    const { Digest, RepoTags } = JSON.parse(inspected) as { Digest: string; RepoTags: string[] }
    assert.equal(Digest, sha256(manifest))
    assert.deepEqual(RepoTags, ['latest'])
  }
})

test('the server is killed in the middle of an upload, and the upload goes on from what was safe', async () => {
  const repository = await seedImage(rows, fleet)
  const bytes = randomBytes(60 * 1024 * 1024)
  const http = await clientFor(repository)
  const begun = await expect(202, http.send('POST', `/v2/${repository}/blobs/uploads/`))
  const location = begun.headers.get('location')!
  const size = async () => Number((await http.send('GET', location)).headers.get('range')!.split('-')[1]) + 1

  const endless = new Readable({ read() {} })
  const sending = http
    .send('PATCH', location, { body: Readable.toWeb(endless) as ReadableStream })
    .catch(() => 'cut')
  endless.push(bytes.subarray(0, 40 * 1024 * 1024))
  while ((await size()) < 32 * 1024 * 1024) await sleep(50)
  endless.push(bytes.subarray(40 * 1024 * 1024, 45 * 1024 * 1024)) // a tail that no row will know of
  await sleep(100)
  await kill('SIGKILL')
  assert.equal(await sending, 'cut')
  await start()

  const safe = await size()
  assert.ok(safe >= 32 * 1024 * 1024 && safe <= 45 * 1024 * 1024, String(safe))
  const rest = bytes.subarray(safe)
  const headers = { 'Content-Range': `${safe}-${bytes.length - 1}` }
  await expect(202, http.send('PATCH', location, { headers, body: rest }))
  await expect(201, http.send('PUT', `${location}?digest=${sha256(bytes)}`))
  const whole = await expect(200, http.send('GET', `/v2/${repository}/blobs/${sha256(bytes)}`))
  assert.equal(sha256(Buffer.from(await whole.arrayBuffer())), sha256(bytes))
})

test('the server is killed at some moments of a push: repeated, the push goes through, and the image is whole', async () => {
  const repository = await seedImage(rows, fleet)
  await using image = await scratchImage(`${host}/${repository}:latest`, 20 * 1024 * 1024)
  await using admin = await docker('admin', password)
  for (const moment of [100, 300, 600]) {
    const push = admin.run('push', image.name).then(
      () => 'pushed',
      () => 'cut',
    )
    await sleep(moment)
    await kill('SIGKILL')
    await start()
    await push
  }
  await admin.run('push', image.name)
  await admin.run('rmi', image.name)
  await admin.run('pull', image.name)
  assert.equal((await admin.run('image', 'inspect', '--format', '{{.Id}}', image.name)).trim(), image.id)
})

async function start(): Promise<void> {
  server = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts')], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await new Promise<void>((done, failed) => {
    server.once('message', () => done())
    server.once('exit', (code) => failed(new Error(`the server ended with ${code}`)))
  })
  server.removeAllListeners('exit')
}

async function kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = new Promise((done) => server.once('exit', done))
  server.kill(signal)
  await gone
}

async function clientFor(repository: string): Promise<Client> {
  const answer = await fetch(`http://${host}/auth/v1/token?scope=repository:${repository}:pull,push`, {
    headers: { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` },
  })
  const { token } = (await answer.json()) as { token: string }
  return client({ url: `http://${host}` }, token)
}

/** The docker client of somebody who is logged in to the registry. */
async function docker(name: string, secret: string) {
  const config = await mkdtemp(join(folder, 'docker-'))
  const client = {
    run: async (...args: string[]) => (await run('docker', ['--config', config, ...args])).stdout,
    [Symbol.asyncDispose]: () => rm(config, { recursive: true, force: true }),
  }
  const login = run('docker', ['--config', config, 'login', '--username', name, '--password-stdin', host])
  login.child.stdin!.end(secret)
  await login
  return client
}

const skopeo = async (...args: string[]) => (await run('skopeo', args)).stdout

/** An image of two layers from nothing, the second of this many random bytes; removed on disposal. */
async function scratchImage(
  name: string,
  bytes = 100_000,
): Promise<{ name: string; id: string } & AsyncDisposable> {
  const context = await mkdtemp(join(folder, 'context-'))
  await writeFile(join(context, 'small'), randomBytes(1000))
  await writeFile(join(context, 'large'), randomBytes(bytes))
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY small /\nCOPY large /\n')
  await run('docker', ['build', '--quiet', '--tag', name, context])
  const id = (await run('docker', ['image', 'inspect', '--format', '{{.Id}}', name])).stdout.trim()
  return {
    name,
    id,
    async [Symbol.asyncDispose]() {
      await run('docker', ['rmi', '--force', id]).catch(() => {})
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}
