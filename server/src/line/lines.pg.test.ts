import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { FromPlatform } from '@copal/wire/line.ts'
import { targetState } from '@copal/wire/target-state.ts'
import { WebSocket } from 'ws'
import { whoIs } from '../auth/who.ts'
import { connections, sweepDeadConnections } from '../devices/connections.ts'
import { removeDevices } from '../devices/remove-devices.ts'
import {
  deviceRow,
  eventually,
  testDevice,
  testFleet,
  testRelease,
  type TestDevice,
} from '../devices/test-fleet.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { lines } from './lines.ts'

interface Client extends AsyncDisposable {
  socket: WebSocket
  say(message: object): void
  /** The next message of this kind that was not taken yet. */
  hear<T extends FromPlatform['t']>(t: T): Promise<Extract<FromPlatform, { t: T }>>
}

async function connect(server: TestServer, device: TestDevice, key = device.key): Promise<Client> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/device/v3/${device.uuid}/line`, {
    headers: { Authorization: `Bearer ${key}` },
    perMessageDeflate: false,
  })
  const heard: FromPlatform[] = []
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  await new Promise<void>((done, failed) => {
    socket.once('open', () => done())
    socket.once('error', failed)
  })
  socket.on('error', () => undefined)
  return {
    socket,
    say: (message) => socket.send(JSON.stringify(message)),
    async hear(t) {
      await eventually(`"${t}"`, () => heard.some((message) => message.t === t))
      return heard.splice(
        heard.findIndex((message) => message.t === t),
        1,
      )[0] as never
    },
    async [Symbol.asyncDispose]() {
      socket.terminate()
    },
  }
}

const connected = (server: TestServer, device: TestDevice, is: boolean) =>
  eventually(`connected: ${is}`, async () => (await deviceRow(server, device.id)).is_connected_to_vpn === is)

test('an open line makes a device online, and a clean close is known at once', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  await using client = await connect(server, device)
  await connected(server, device, true)
  let row = await deviceRow(server, device.id)
  assert.equal(row.api_heartbeat_state, 'online')
  assert.equal(row.is_online, true)
  assert.ok(row.last_vpn_event && row.last_connectivity_event)
  assert.equal(row.public_address, '127.0.0.1')
  client.socket.close(1000)
  await connected(server, device, false)
  row = await deviceRow(server, device.id)
  assert.equal(row.api_heartbeat_state, 'offline')
  assert.equal(row.is_online, false)
})

test('a line that breaks off leaves the device late for 15 s before it counts as offline', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  await using client = await connect(server, device)
  await connected(server, device, true)
  client.socket.terminate()
  await connected(server, device, false)
  assert.equal((await deviceRow(server, device.id)).api_heartbeat_state, 'timeout')
})

test('the target comes over the line as over HTTPS, and "unchanged" while it is', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const release = await testRelease(server, fleet)
  await using client = await connect(server, device)
  client.say({ t: 'hello', supervisor: '20.0.0', etag: null })
  const { etag, state } = await client.hear('target')
  const https = await fetch(`${server.url}/device/v3/${device.uuid}/state`, {
    headers: { Authorization: `Bearer ${device.key}` },
  })
  assert.equal(https.headers.get('etag'), etag)
  assert.deepEqual(await https.json(), state)
  assert.deepEqual(Object.keys(targetState.parse(state)[device.uuid]!.apps[fleet.uuid]!.releases), [
    release.commit,
  ])
  client.say({ t: 'look', etag })
  await client.hear('unchanged')
})

test('a new target is told to the connected devices of the fleet at once, and to no others', async () => {
  await using server = await testServer()
  const [fleet, other] = [await testFleet(server), await testFleet(server)]
  const [device, stranger] = [await testDevice(server, fleet), await testDevice(server, other)]
  await using client = await connect(server, device)
  await using bystander = await connect(server, stranger)
  await connected(server, device, true)
  await connected(server, stranger, true)
  let disturbed = false
  bystander.socket.on('message', () => (disturbed = true))
  const start = Date.now()
  const release = await testRelease(server, fleet)
  await client.hear('changed')
  assert.ok(Date.now() - start < 2000)
  client.say({ t: 'look', etag: null })
  const { state } = await client.hear('target')
  assert.ok(release.commit in (state as any)[device.uuid].apps[fleet.uuid].releases)
  assert.equal(disturbed, false)
  await server.ctx.db.transaction((tx) => tx.changed('target', { device: device.id }))
  await client.hear('changed')
})

test('metrics ride on pings, and what is not understood is ignored', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  await using client = await connect(server, device)
  for (const noise of ['not json', '{"t":"from the future"}', '[]', '{"t":"ping"}']) client.socket.send(noise)
  client.socket.send(Buffer.from([0, 0, 0, 1, 2, 3]))
  client.say({ t: 'ping', next: 60_000, metrics: { cpu_temp: 51, memory_usage: 'much' } })
  await client.hear('pong')
  await eventually('metrics', async () => {
    const [row] = await server.ctx.db.sql`select cpu_temp from device_metrics where device = ${device.id}`
    return row?.cpu_temp === 51
  })
})

test('a device reconnects before the first connection is found dead: it stays online, whichever closes first', async () => {
  await using server = await testServer()
  const { ctx } = server
  const device = await testDevice(server, await testFleet(server))
  await using first = await connect(server, device)
  await using second = await connect(server, device)
  await eventually(
    'both',
    async () => (await ctx.db.sql`select from connection where device = ${device.id}`).length === 2,
  )
  first.socket.terminate()
  await eventually(
    'one',
    async () => (await ctx.db.sql`select from connection where device = ${device.id}`).length === 1,
  )
  assert.equal((await deviceRow(server, device.id)).is_connected_to_vpn, true)
  second.socket.close(1000)
  await connected(server, device, false)
})

test('connections of a copy that died count for nothing, and are swept', async () => {
  await using server = await testServer()
  const { ctx } = server
  const device = await testDevice(server, await testFleet(server))
  await connections({ ...ctx, copy: randomUUID() }).open({
    id: randomUUID(),
    device: device.id,
    address: null,
  })
  assert.equal((await deviceRow(server, device.id)).is_connected_to_vpn, true)
  await using client = await connect(server, device)
  await eventually(
    'both',
    async () => (await ctx.db.sql`select from connection where device = ${device.id}`).length === 2,
  )
  await sweepDeadConnections(ctx)
  assert.equal((await deviceRow(server, device.id)).is_connected_to_vpn, true, 'the living one counts')
  client.socket.close(1000)
  await connected(server, device, false)
})

test('a device that does not answer a question within 5 s is gone', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  await using client = await connect(server, device)
  await connected(server, device, true)
  let answers = true
  client.socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.t === 'probe' && answers) client.say({ t: 'here', id: message.id })
  })
  const line = lines(server.ctx).of(device.id)!
  assert.deepEqual(await Promise.all([line.probe(), line.probe()]), [true, true])
  answers = false
  const start = Date.now()
  assert.equal(await line.probe(), false)
  assert.ok(Date.now() - start < 6000)
  await connected(server, device, false)
  assert.equal(lines(server.ctx).of(device.id), undefined)
})

test('a line needs the key of its own device, and ends when the device is removed', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const [device, other] = [await testDevice(server, fleet), await testDevice(server, fleet)]
  for (const key of [other.key, 'nonsense', server.token, fleet.provisioningKey])
    await assert.rejects(connect(server, device, key), /401/)
  await using client = await connect(server, device)
  await connected(server, device, true)
  const closed = new Promise<number>((done) => client.socket.once('close', done))
  await removeDevices(server.ctx, (await whoIs(server.ctx, server.token))!, [device.id])
  assert.equal(await closed, 1008)
})

test('a copy that stops says good-bye to its devices', async () => {
  let closed: Promise<number>
  {
    await using server = await testServer()
    const device = await testDevice(server, await testFleet(server))
    const client = await connect(server, device)
    await connected(server, device, true)
    closed = new Promise((done) => client.socket.once('close', done))
  }
  assert.equal(await closed, 1001)
})
