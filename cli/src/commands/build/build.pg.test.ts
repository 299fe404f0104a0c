import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startPlatform, type Platform } from '../../../testing/platform.ts'

let platform: Platform
let folder: string
/** An engine that takes calls and never answers: what is built there goes on until it is stopped. */
const engine = createServer((socket) => void sockets.add(socket.on('error', () => {})))
const sockets = new Set<Socket>()

before(async () => {
  await new Promise<void>((done) => engine.listen(0, '127.0.0.1', done))
  const { port } = engine.address() as AddressInfo
  folder = await mkdtemp(join(tmpdir(), 'copal-cli-build-'))
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\n')
  platform = await startPlatform({ COPAL_DOCKER_HOST: `tcp://127.0.0.1:${port}` })
  await platform.ok('fleet', 'create', 'yard', '--type', 'generic-amd64')
})
after(async () => {
  for (const socket of sockets) socket.destroy()
  engine.close()
  await platform[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function untilRunning(): Promise<number> {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const [newest] = await platform.json('build', 'list', 'yard')
    if (newest?.status === 'running' || newest?.status === 'waiting') return newest.id
  }
  throw new Error('no build within 15 s')
}

test('a build is listed, followed by others, and cancelled by its number', async () => {
  assert.match(await platform.ok('build', 'list'), /^There is no build yet/)
  assert.match((await platform.copal('build', 'follow', 'yard')).err, /^cannot find a build of admin\/yard/)
  const push = platform.start(['push', 'yard', '-s', folder])
  const id = await untilRunning()
  assert.match(
    await platform.ok('build', 'list'),
    new RegExp(
      `^BUILD +FLEET +COMMIT +STATUS +BY +CREATED +TOOK\n${id} +admin/yard +[0-9a-f]{7} +running +admin +\\d{4}-`,
    ),
  )
  assert.equal((await platform.json('build', 'logs', 'yard')).id, id)
  const follower = platform.start(['build', 'follow', String(id)])
  assert.equal(await platform.ok('build', 'cancel', String(id)), `Build ${id} of admin/yard is cancelled.\n`)
  const followed = await follower.ended
  assert.equal(followed.code, 1)
  assert.match(followed.err, new RegExp(`Build ${id} of admin/yard ended as cancelled`))
  assert.equal((await push.ended).code, 1)
  assert.match(
    (await platform.copal('build', 'cancel', String(id))).err,
    new RegExp(`^cannot cancel build ${id} of admin/yard: it ended as cancelled`),
  )
})

test('Ctrl-C on a push cancels its build', async () => {
  const push = platform.start(['push', 'yard', '-s', folder])
  await untilRunning()
  push.child.kill('SIGINT')
  const { code, err } = await push.ended
  assert.equal(code, 130)
  assert.match(err, /The push was cancelled; nothing on the devices changes\.\n$/)
  for (const end = Date.now() + 10_000; ;) {
    const [newest] = await platform.json('build', 'list', 'yard', '-n', '1')
    if (newest.status === 'cancelled') break
    assert.ok(Date.now() < end, `it is ${newest.status}`)
  }
})

test('a release whose source is not kept is not built again, and a sentence says what to do', async () => {
  const [newest] = await platform.json('release', 'list', 'yard')
  const { code, err } = await platform.copal('release', 'rebuild', newest.commit)
  assert.equal(code, 1)
  assert.match(err, /^cannot build release \d+ again: its source is not kept, .* · push it again/)
  assert.match((await platform.copal('release', 'rebuild', '999999')).err, /^cannot find a release "999999"/)
})

test('what can not be pushed is told before anything is sent', async () => {
  const nowhere = await platform.copal('push', 'yard', '-s', join(folder, 'nowhere'))
  assert.match(nowhere.err, /^cannot push .*nowhere: there is no such folder/)
  assert.match((await platform.copal('push', 'nofleet', '-s', folder)).err, /^cannot find a fleet "nofleet"/)
  assert.match((await platform.copal('build', 'follow', '999999')).err, /^cannot find build 999999/)
})
