import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  deviceRow,
  statementsOf,
  testDevice,
  testFleet,
  testRelease,
  type TestDevice,
  type TestFleet,
  type TestRelease,
} from '../devices/test-fleet.ts'
import { testServer, type TestServer } from '../test-server.ts'

const patch = (server: TestServer, device: TestDevice, report: Record<string, unknown>) =>
  fetch(`${server.url}/device/v3/state`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${device.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ [device.uuid]: report }),
  })

const runs = (fleet: TestFleet, release: TestRelease, service = {}, update_status = 'done') => ({
  apps: {
    [fleet.uuid]: {
      release_uuid: release.commit,
      releases: {
        [release.commit]: {
          update_status,
          services: Object.fromEntries(
            Object.entries(release.services).map(([name, { location, digest }]) => [
              name,
              { image: `elsewhere.test/${location}@${digest}`, status: 'Running', ...service },
            ]),
          ),
        },
      },
    },
  },
})

const installs = async ({ ctx }: TestServer, device: TestDevice) => {
  const rows = await ctx.db.sql`
    select installs__image as image, status, download_progress as progress from image_install where device = ${device.id} order by 1`
  return rows.map((row) => ({ ...row }))
}

test('a full report is kept: what runs, how it goes, the numbers, and where it came from', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet, ['web', 'db'])
  const device = await testDevice(server, fleet)
  const answer = await patch(server, device, {
    status: 'Idle',
    os_version: 'balenaOS 6.3.0',
    os_variant: 'prod',
    supervisor_version: '19.0.5',
    ip_address: '192.168.1.5 10.0.0.2',
    api_port: 48484,
    api_secret: 'f'.repeat(32),
    memory_usage: 512,
    cpu_temp: 47,
    ...runs(fleet, release),
  })
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), '')
  assert.equal(answer.headers.get('content-type'), null)
  const row = await deviceRow(server, device.id)
  assert.equal(row.status, 'Idle')
  assert.equal(row.is_running__release, release.id)
  assert.equal(row.update_status, 'done')
  assert.ok(row.last_update_status_event)
  assert.equal(row.public_address, '127.0.0.1')
  assert.equal(row.api_heartbeat_state, 'unknown', 'a report is no heartbeat')
  const [metrics] = await server.ctx.db.sql`select * from device_metrics where device = ${device.id}`
  assert.equal(metrics!.memory_usage, 512)
  assert.equal(metrics!.cpu_temp, 47)
  assert.deepEqual(
    (await installs(server, device)).map(({ status }) => status),
    ['Running', 'Running'],
  )
})

test('a report is a difference: what it does not mention stays, images that its apps do not mention are deleted', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const old = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  await patch(server, device, { status: 'Idle', cpu_temp: 40, ...runs(fleet, old) })
  await patch(server, device, { memory_usage: 7 })
  assert.equal((await deviceRow(server, device.id)).status, 'Idle')
  assert.deepEqual(
    (await installs(server, device)).map(({ status }) => status),
    ['Running'],
  )
  const [metrics] = await server.ctx.db
    .sql`select cpu_temp, memory_usage from device_metrics where device = ${device.id}`
  assert.deepEqual({ ...metrics }, { cpu_temp: 40, memory_usage: 7 })
  const next = await testRelease(server, fleet)
  await patch(
    server,
    device,
    runs(fleet, next, { status: 'Downloading', download_progress: 42.4 }, 'downloading'),
  )
  assert.deepEqual(await installs(server, device), [
    { image: old.services.main!.image, status: 'deleted', progress: null },
    { image: next.services.main!.image, status: 'Downloading', progress: 42 },
  ])
})

test('a report costs at most three statements, and one that changes nothing only reads', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet, ['web', 'db'])
  const device = await testDevice(server, fleet)
  const report = { status: 'Idle', cpu_temp: 47, memory_usage: 512, ...runs(fleet, release) }
  const first = await statementsOf(server, () => patch(server, device, report))
  assert.ok(first.length <= 3, first.join('\n---\n'))
  assert.equal((await statementsOf(server, () => patch(server, device, report))).length, 1)
  assert.equal((await statementsOf(server, () => patch(server, device, { cpu_temp: 48 }))).length, 2)
})

test('reports of many devices at once share transactions, and each is answered after its own is in the database', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const devices = await Promise.all(Array.from({ length: 20 }, () => testDevice(server, fleet)))
  const seen = await statementsOf(server, async () => {
    await Promise.all(
      devices.map(async (device, i) => {
        assert.equal((await patch(server, device, { status: `state ${i}` })).status, 200)
        const [row] = await server.ctx.db.sql`select status from device where id = ${device.id}`
        assert.equal(row!.status, `state ${i}`)
      }),
    )
  })
  assert.ok(seen.length < 20 + 20 + 20, `${seen.length} statements`)
})

test('reports of one device that come at once are all taken in, one after the other', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const fields = ['status', 'os_version', 'provisioning_state', 'mac_address', 'ip_address', 'cpu_id']
  const answers = await Promise.all(fields.map((field) => patch(server, device, { [field]: 'x' })))
  assert.ok(answers.every(({ status }) => status === 200))
  const row = await deviceRow(server, device.id)
  for (const field of fields) assert.equal(row[field], 'x', field)
})

test('an over-long address list, odd values and unknown fields cost only themselves', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const ip_address = Array.from({ length: 300 }, (_, i) => `fe80::${i}`).join(' ')
  const answer = await patch(server, device, {
    ip_address,
    os_variant: 'odd',
    cpu_temp: 'hot',
    status: { no: 'text' },
    is_undervolted: true,
    news: 1,
    provisioning_state: 'nul \0 byte',
  })
  assert.equal(answer.status, 200)
  const row = await deviceRow(server, device.id)
  assert.ok(row.ip_address.length <= 2000 && ip_address.startsWith(row.ip_address))
  assert.equal(row.is_undervolted, true)
  assert.equal(row.os_variant, null)
  assert.equal(row.provisioning_state, 'nul  byte')
})

test('an image of another fleet, an unknown device and a foreign key are answered 401; a report that is none 400', async () => {
  await using server = await testServer()
  const [mine, theirs] = [await testFleet(server), await testFleet(server)]
  const foreign = await testRelease(server, theirs)
  const [device, other] = [await testDevice(server, mine), await testDevice(server, mine)]
  assert.equal((await patch(server, device, runs(theirs, foreign))).status, 401)
  assert.equal((await patch(server, device, runs(mine, foreign))).status, 401)
  assert.equal((await patch(server, { ...device, uuid: 'f'.repeat(32) }, { status: 'x' })).status, 401)
  assert.equal((await patch(server, { ...device, key: other.key }, { status: 'x' })).status, 401)
  assert.equal((await patch(server, device, { apps: 'none' })).status, 400)
  assert.equal((await deviceRow(server, device.id)).status, null)
})

test('a device that reports an image of a release that was deleted meanwhile is heard all the same', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const old = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  await patch(server, device, runs(fleet, old))
  await testRelease(server, fleet)
  await server.ctx.db.sql`delete from release where id = ${old.id}`
  await server.ctx.db.sql`delete from image where id = ${old.services.main!.image}`
  const answer = await patch(server, device, { status: 'Updating', ...runs(fleet, old) })
  assert.equal(answer.status, 200)
  assert.equal((await deviceRow(server, device.id)).status, 'Updating')
})

test('a device that was moved may still report the images of its old fleet until they are gone', async () => {
  await using server = await testServer()
  const [from, to] = [await testFleet(server), await testFleet(server)]
  const release = await testRelease(server, from)
  const device = await testDevice(server, from)
  await patch(server, device, runs(from, release))
  await server.ctx.db
    .sql`update device set belongs_to__application = ${to.id}, is_running__release = null where id = ${device.id}`
  const answer = await patch(server, device, runs(from, release, { status: 'Stopping' }))
  assert.equal(answer.status, 200)
  assert.equal((await deviceRow(server, device.id)).is_running__release, null)
})

test('a device that runs our supervisor gets that release as its target; one with the genuine one is left alone', async () => {
  await using server = await testServer()
  const { sql } = server.ctx.db
  const fleet = await testFleet(server)
  const supervisors = await testFleet(server, { name: 'amd64-supervisor' })
  await sql`update application set slug = 'balena_os/amd64-supervisor', is_public = true, is_of__class = 'app' where id = ${supervisors.id}`
  const release = await testRelease(server, supervisors, ['main'], { semver: '20.0.3' })
  await testRelease(server, supervisors, ['main'], { semver: '19.0.5' })
  const managed = async (version: string) => {
    const device = await testDevice(server, fleet)
    await patch(server, device, { supervisor_version: version })
    return (await deviceRow(server, device.id)).should_be_managed_by__release
  }
  assert.equal(await managed('20.0.3'), release.id)
  assert.equal(await managed('20.0.4'), null)
  assert.equal(await managed('19.0.5'), null)
})
