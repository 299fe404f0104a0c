import assert from 'node:assert/strict'
import { test } from 'node:test'
import { targetState } from '@copal/wire/target-state.ts'
import { heartbeats, sweepLate } from '../devices/heartbeat.ts'
import { installServices } from '../devices/install-services.ts'
import { removeDevices } from '../devices/remove-devices.ts'
import {
  deviceRow,
  eventually,
  statementsOf,
  testDevice,
  testFleet,
  testRelease,
  type TestDevice,
} from '../devices/test-fleet.ts'
import { updateDevice } from '../devices/update-device.ts'
import { whoIs } from '../auth/who.ts'
import { testServer, type TestServer } from '../test-server.ts'

const state = (server: TestServer, device: TestDevice, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/device/v3/${device.uuid}/state`, {
    headers: { Authorization: `Bearer ${device.key}`, ...headers },
  })

test('a device gets what its fleet runs, and 304 while nothing changes', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const release = await testRelease(server, fleet, ['web', 'db'], {
    composition: { services: { web: { build: '.', restart: 'always' }, db: {} }, volumes: { data: {} } },
  })
  const first = await state(server, device)
  assert.equal(first.status, 200)
  const document = targetState.parse(await first.json())[device.uuid]!
  const running = document.apps[fleet.uuid]!.releases[release.commit]!
  assert.equal(running.id, release.id)
  assert.deepEqual(Object.keys(running.services), ['db', 'web'])
  const { web } = release.services
  assert.equal(
    running.services.web!.image,
    `${server.ctx.config.registryHost}/${web!.location}@${web!.digest}`,
  )
  const etag = first.headers.get('etag')!
  assert.equal((await state(server, device, { 'If-None-Match': `W/${etag}` })).status, 304)
})

test('whatever is written to a variable, a label, a release or a pin is in the next answer, with no event needed', async () => {
  await using server = await testServer()
  const { sql } = server.ctx.db
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const first = await testRelease(server, fleet, ['web'])
  const service = first.services.web!.id
  let etag = ''
  const changed = async (what: string) => {
    const answer = await state(server, device, { 'If-None-Match': etag })
    assert.equal(answer.status, 200, what)
    etag = answer.headers.get('etag')!
    const again = await state(server, device, { 'If-None-Match': etag })
    assert.equal(again.status, 304, `${what}, again`)
    return (await answer.json()) as any
  }
  await changed('at first')
  await sql`insert into application_environment_variable (application, name, value) values (${fleet.id}, 'A', '1')`
  await changed('fleet variable')
  await sql`update application_environment_variable set value = '2' where application = ${fleet.id}`
  await changed('fleet variable changed')
  await sql`insert into service_environment_variable (service, name, value) values (${service}, 'B', '1')`
  await changed('service variable')
  await sql`insert into service_label (service, label_name, value) values (${service}, 'l', '1')`
  await changed('service label')
  await sql`insert into device_environment_variable (device, name, value) values (${device.id}, 'C', '1')`
  await changed('device variable')
  await server.ctx.db.transaction((tx) => installServices(tx, { device: device.id }))
  await sql`
    insert into device_service_environment_variable (service_install, name, value)
    select id, 'D', '1' from service_install where device = ${device.id}`
  await changed('variable of a service on the device')
  await sql`insert into application_config_variable (application, name, value) values (${fleet.id}, 'BALENA_HOST_CONFIG_x', '1')`
  await changed('fleet config')
  await sql`update release set composition = '{"services":{"web":{"restart":"no"}}}' where id = ${first.id}`
  await changed('composition')
  await sql`delete from application_environment_variable where application = ${fleet.id}`
  const last = await changed('fleet variable removed')
  assert.deepEqual(last[device.uuid].apps[fleet.uuid].releases[first.commit].services.web.environment, {
    B: '1',
    C: '1',
    D: '1',
  })
  const second = await testRelease(server, fleet, ['web'])
  assert.deepEqual(Object.keys((await changed('release'))[device.uuid].apps[fleet.uuid].releases), [
    second.commit,
  ])
  const admin = (await whoIs(server.ctx, server.token))!
  await updateDevice(server.ctx, admin, [device.id], {
    is_pinned_on__release: first.id,
    device_name: 'renamed',
  })
  const pinned = (await changed('pin'))[device.uuid]
  assert.deepEqual(Object.keys(pinned.apps[fleet.uuid].releases), [first.commit])
  assert.equal(pinned.name, 'renamed')
})

test('a target costs one statement, changed or not, and its heartbeat is written with those of others', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  await testRelease(server, fleet)
  const devices = await Promise.all(Array.from({ length: 4 }, () => testDevice(server, fleet)))
  const etags = await Promise.all(
    devices.map(async (device) => (await state(server, device)).headers.get('etag')!),
  )
  await eventually(
    'online',
    async () => (await deviceRow(server, devices[3]!.id)).api_heartbeat_state === 'online',
  )
  const seen = await statementsOf(server, async () => {
    await Promise.all(devices.map((device, i) => state(server, device, { 'If-None-Match': etags[i]! })))
    await Promise.all(devices.map((device) => state(server, device)))
    await new Promise((done) => setTimeout(done, 400))
  })
  const heartbeat = seen.filter((query) => query.includes('device_heartbeat'))
  assert.ok(heartbeat.length <= 2, `${heartbeat.length} heartbeat statements`)
  assert.equal(seen.length - heartbeat.length, 8)
})

test('a device that looks is online; one that stays out is late, then offline; the next look brings it back', async () => {
  await using server = await testServer()
  const { ctx } = server
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const heartbeat = async () => (await deviceRow(server, device.id)).api_heartbeat_state
  assert.equal(await heartbeat(), 'unknown')
  const look = async () => {
    await state(server, device)
    await eventually('online', async () => (await heartbeat()) === 'online')
  }
  const due = (seconds: number) =>
    ctx.db
      .sql`update device_heartbeat set due_at = now() - ${`${seconds} seconds`}::interval where device = ${device.id}`
  await look()
  const row = await deviceRow(server, device.id)
  assert.equal(row.is_online, true)
  assert.ok(row.last_connectivity_event)
  await due(1)
  await sweepLate(ctx)
  assert.equal(await heartbeat(), 'timeout')
  await due(16)
  await sweepLate(ctx)
  assert.equal(await heartbeat(), 'offline')
  assert.equal((await deviceRow(server, device.id)).is_online, false)
  await look()
})

test('people see a target without counting as heartbeat; strangers and foreign keys get 401', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const [device, other] = [await testDevice(server, fleet), await testDevice(server, fleet)]
  assert.equal((await state(server, { ...device, key: server.token })).status, 200)
  for (const key of [other.key, 'nonsense', fleet.provisioningKey])
    assert.equal((await state(server, { ...device, key })).status, 401, key)
  assert.equal((await fetch(`${server.url}/device/v3/${device.uuid}/state`)).status, 401)
  await heartbeats(server.ctx)[Symbol.asyncDispose]()
  assert.equal((await deviceRow(server, device.id)).api_heartbeat_state, 'unknown')
})

test('a removed device keeps what it has (304), everybody else is refused; a frozen one gets 304 too', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const admin = (await whoIs(server.ctx, server.token))!
  await updateDevice(server.ctx, admin, [device.id], { is_frozen: true })
  assert.equal((await state(server, device)).status, 304)
  await removeDevices(server.ctx, admin, [device.id])
  assert.equal((await state(server, device)).status, 304)
  assert.equal((await state(server, { ...device, key: 'a'.repeat(32) })).status, 401)
  await eventually('refused elsewhere', async () => (await whoIs(server.ctx, device.key)) === undefined)
  const again = await server.call(
    'POST',
    '/device/register',
    { application: fleet.id, device_type: 'genericx86-64-ext', uuid: device.uuid, api_key: device.key },
    fleet.provisioningKey,
  )
  assert.equal(again.uuid, device.uuid, 'and may register again')
})

test('a device that came by the internal name is told to pull from there', async () => {
  await using server = await testServer({ COPAL_INTERNAL_NAME: 'localhost' })
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const { commit } = await testRelease(server, fleet)
  const image = async (url: string) => {
    const answer = await fetch(`${url}/device/v3/${device.uuid}/state`, {
      headers: { Authorization: `Bearer ${device.key}` },
    })
    const document = (await answer.json()) as any
    return document[device.uuid].apps[fleet.uuid].releases[commit].services.main.image as string
  }
  const { port } = server.ctx.config
  assert.ok((await image(server.url)).startsWith(`127.0.0.1:${port}/v2/`))
  assert.ok((await image(`http://localhost:${port}`)).startsWith(`localhost:${port}/v2/`))
})

test('the document of a fleet is given for its target or any release, also with a slash before the query', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const old = await testRelease(server, fleet)
  const current = await testRelease(server, fleet)
  const commits = async (query: string) => {
    const document = await server.call('GET', `/device/v3/fleet/${fleet.uuid}/state${query}`)
    return Object.keys(document[fleet.uuid].apps[fleet.uuid].releases)
  }
  assert.deepEqual(await commits(''), [current.commit])
  assert.deepEqual(await commits('/?releaseUuid='), [current.commit])
  assert.deepEqual(await commits(`/?releaseUuid=${old.commit}`), [old.commit])
  await assert.rejects(server.call('GET', `/device/v3/fleet/${fleet.uuid}/state?releaseUuid=beef`), /404/)
})

test('moving a device resets what belonged to its old fleet, and refuses another architecture', async () => {
  await using server = await testServer()
  const { ctx } = server
  const [from, to] = [await testFleet(server), await testFleet(server)]
  const arm = await testFleet(server, { type: 'raspberrypi4-64' })
  const release = await testRelease(server, from)
  const device = await testDevice(server, from)
  const admin = (await whoIs(ctx, server.token))!
  await updateDevice(ctx, admin, [device.id], { is_pinned_on__release: release.id })
  await assert.rejects(
    updateDevice(ctx, admin, [device.id], { belongs_to__application: arm.id }),
    /cannot move/,
  )
  await updateDevice(ctx, admin, [device.id], { belongs_to__application: to.id })
  const row = await deviceRow(server, device.id)
  assert.equal(row.belongs_to__application, to.id)
  assert.equal(row.is_pinned_on__release, null)
  await assert.rejects(
    updateDevice(ctx, admin, [device.id], { is_pinned_on__release: release.id }),
    /cannot pin device .*: it is not a release of its fleet/,
  )
})

test('a newer target replaces one that a device never finished, however long it was away', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const [first, second, third] = [
    await testRelease(server, fleet),
    await testRelease(server, fleet, ['main'], { target: false }),
    await testRelease(server, fleet, ['main'], { target: false }),
  ]
  const { sql } = server.ctx.db
  const follow = async ({ id }: { id: number }) => {
    await sql`update application set should_be_running__release = ${id} where id = ${fleet.id}`
  }
  const wanted = async () => {
    const document = await server.call('GET', `/device/v3/${device.uuid}/state`, undefined, device.key)
    return Object.keys(document[device.uuid].apps[fleet.uuid].releases)
  }
  assert.deepEqual(await wanted(), [first.commit])
  await server.call(
    'PATCH',
    '/device/v3/state',
    {
      [device.uuid]: {
        apps: {
          [fleet.uuid]: {
            releases: {
              [first.commit]: {
                update_status: 'downloading',
                services: {
                  main: {
                    image: `${first.services['main']!.location}@${first.services['main']!.digest}`,
                    status: 'Downloading',
                    download_progress: 10,
                  },
                },
              },
            },
          },
        },
      },
    },
    device.key,
  )
  await follow(second)
  await follow(third)
  assert.deepEqual(await wanted(), [third.commit])
})
