// The platform comes and goes: devices run on without it, and it loses nothing.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, until, type Device, type Platform, type Project } from './platform.ts'
import { answerOf, smallApp, smallSource, untilAnswers, untilRuns } from './small-app.ts'

const minute = 60_000
const fleet = 'admin/offline'
let platform: Platform
let device: Device
let project: Project

before(async () => {
  platform = await startPlatform()
  await platform.copal('fleet', 'create', 'offline')
  device = await platform.addDevice(fleet)
  project = await platform.project(smallApp('first'))
  await push('first')
})
after(async () => {
  await platform?.[Symbol.asyncDispose]()
})

async function push(version: string): Promise<void> {
  await project.write('server.js', smallSource(version))
  const commit = await project.commit(version)
  const { code, stderr } = await project.push(fleet)
  assert.equal(code, 0, stderr)
  await untilAnswers(device, version)
  await untilRuns(device, commit)
}

/** What the platform knows, without what a moment changes. */
async function knowledge(): Promise<unknown> {
  const [releases, devices, fleets, refs] = await Promise.all([
    platform.get(
      '/v7/release?$select=id,commit,status,raw_version,build_log,end_timestamp&$orderby=id asc&$expand=contains__image($select=id)',
    ),
    platform.get(
      '/v7/device?$select=id,uuid,device_name&$expand=image_install($select=id,status),is_running__release($select=id)',
    ),
    platform.get(
      '/v7/application?$select=id,slug,uuid&$expand=should_be_running__release($select=id)&$orderby=id asc',
    ),
    project.git('ls-remote', project.remote(fleet)),
  ])
  return { releases: releases.d, devices: devices.d, fleets: fleets.d, refs: refs.stdout }
}

const untilOnline = () =>
  until(
    async () => (await platform.get(`/v7/device(uuid='${device.uuid}')?$select=is_online`)).d[0].is_online,
    minute,
    () => 'the device did not come back online within a minute',
  )
const startedAt = async () => {
  const names = await device.docker('ps', '--format', '{{.Names}}')
  const app = names.split('\n').find((name) => name.startsWith('main_'))!
  return device.docker('inspect', '--format', '{{.Id}} {{.State.StartedAt}}', app)
}

test('a device runs on while the platform is away, and starts its containers by itself when it boots without it', async (t) => {
  const before = await startedAt()
  await platform.stop()
  assert.equal(await answerOf(device), 'first')
  assert.equal(await startedAt(), before, 'the container is still the same')

  const cut = Date.now()
  await device.reboot()
  await untilBooted()
  t.diagnostic(`the container answered ${Date.now() - cut} ms after the power came back`)
  assert.notEqual(await startedAt(), before, 'it was started anew')

  await platform.start()
  const back = Date.now()
  await untilOnline()
  t.diagnostic(`the device was online ${Date.now() - back} ms after the platform`)
  await push('second')
})

/** Its log cannot be asked: the platform is away. */
const untilBooted = () =>
  until(
    async () => (await answerOf(device)) === 'first',
    minute,
    async () => `no answer after a boot; on the device: ${await device.docker('ps', '-a')}`,
  )

test('a platform that is stopped and started again has lost nothing, and no container was touched', async () => {
  const known = await knowledge()
  const before = await startedAt()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await platform.stop(signal)
    assert.equal(platform.parent.exitCode, 0, `the end by ${signal} is an orderly one`)
    await platform.start()
    await untilOnline()
    assert.deepEqual(await knowledge(), known)
  }
  assert.equal(await startedAt(), before)
})

test('a server that dies is started again', async () => {
  const known = await knowledge()
  const pid = await platform.serverPid()
  process.kill(pid, 'SIGKILL')
  await platform.answers()
  assert.notEqual(await platform.serverPid(), pid)
  assert.deepEqual(await knowledge(), known)
  await untilOnline()
})

test('a database that dies is started again, and the server goes on by itself', async () => {
  const known = await knowledge()
  const [server, database] = [await platform.serverPid(), await platform.databasePid()]
  process.kill(database, 'SIGKILL')
  await until(
    async () => (await platform.databasePid()) !== database && (await platform.get('/actor/v1/whoami')),
    minute,
    () => 'no database after a minute',
  )
  // Its other connections are noticed to be dead when they are used.
  await until(
    async () => assert.deepEqual(await knowledge(), known) ?? true,
    minute,
    async () => `the platform does not know what it knew: ${JSON.stringify(await knowledge(), null, 1)}`,
  )
  assert.equal(await platform.serverPid(), server, 'the server needed no restart')
  await push('third')
})
