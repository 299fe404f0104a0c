import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { testServer, type TestServer } from '../test-server.ts'
import { deviceRow, testDevice, testFleet, testRelease } from './test-fleet.ts'

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

const register = (server: TestServer, key: string, body: Record<string, unknown> | string) =>
  fetch(`${server.url}/device/register`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json',
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

test('a device registers with JSON or a form, and is answered 201 with the key that it chose', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  await testRelease(server, fleet, ['web', 'db'])
  const device = {
    application: fleet.id,
    device_type: 'genericx86-64-ext',
    uuid: hex(16),
    api_key: hex(16),
    user: null,
  }
  const json = await register(server, fleet.provisioningKey, { ...device, os_variant: 'prod' })
  assert.equal(json.status, 201)
  const made = (await json.json()) as { id: number; uuid: string; api_key: string }
  assert.deepEqual({ uuid: made.uuid, api_key: made.api_key }, { uuid: device.uuid, api_key: device.api_key })
  const row = await deviceRow(server, made.id)
  assert.match(row.device_name, /^[a-z]+-[a-z]+$/)
  assert.equal(row.os_variant, 'prod')
  const installs = await server.ctx.db.sql`select from service_install where device = ${made.id}`
  assert.equal(installs.length, 2)

  const form = new URLSearchParams({
    application: String(fleet.id),
    device_type: 'genericx86-64-ext',
    uuid: hex(31),
    supervisor_version: '19.0.5',
  })
  const second = await register(server, fleet.provisioningKey, form.toString())
  assert.equal(second.status, 201)
  assert.match(((await second.json()) as { api_key: string }).api_key, /^[A-Za-z0-9]{32}$/)
})

test('a registration whose answer was lost is answered the same when it is repeated', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = { application: fleet.id, device_type: 'genericx86-64-ext', uuid: hex(16), api_key: hex(16) }
  const first = await (await register(server, fleet.provisioningKey, device)).json()
  const again = await register(server, fleet.provisioningKey, device)
  assert.equal(again.status, 201)
  assert.deepEqual(await again.json(), first)
})

test('what is missing or taken is told in the words that clients know', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = { application: fleet.id, device_type: 'genericx86-64-ext', uuid: hex(16), api_key: hex(16) }
  await register(server, fleet.provisioningKey, device)
  const cases: [Record<string, unknown>, number, string][] = [
    [{ ...device, application: 'ten' }, 400, 'Application ID must be a valid integer'],
    [{ ...device, user: 'me' }, 400, 'User ID must be a valid integer'],
    [{ ...device, device_type: undefined }, 400, 'Device type must be specified'],
    [{ ...device, uuid: undefined }, 400, 'UUID must be specified'],
    [{ ...device, api_key: hex(16) }, 409, '"uuid" must be unique.'],
    [{ ...device, uuid: hex(16) }, 409, '"key" must be unique.'],
  ]
  for (const [body, status, message] of cases) {
    const answer = await register(server, fleet.provisioningKey, body)
    assert.equal(answer.status, status)
    assert.equal(((await answer.json()) as { message: string }).message, message)
  }
})

test('a key of another fleet, a session, and a device that cannot run what the fleet builds are refused', async () => {
  await using server = await testServer()
  const [mine, other] = [await testFleet(server), await testFleet(server)]
  const device = { application: mine.id, device_type: 'genericx86-64-ext', uuid: hex(16) }
  assert.equal((await register(server, other.provisioningKey, device)).status, 401)
  const session = await register(server, server.token, {})
  assert.equal(session.status, 401)
  assert.deepEqual(await session.json(), { error: 'API key required' })
  const arm = await register(server, mine.provisioningKey, { ...device, device_type: 'raspberrypi4-64' })
  assert.equal(arm.status, 400)
})

test('a provisioning key exchanges the key of a device of its fleet, as often as asked, and answers 200', async () => {
  await using server = await testServer()
  const [fleet, other] = [await testFleet(server), await testFleet(server)]
  const device = await testDevice(server, fleet)
  const exchange = (token: string, apiKey: string) =>
    fetch(`${server.url}/api-key/device/${device.id}/device-key`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ apiKey }),
    })
  const fresh = hex(16)
  for (const _ of [1, 2]) {
    const answer = await exchange(fleet.provisioningKey, fresh)
    assert.equal(answer.status, 200)
    assert.equal(await answer.json(), fresh)
  }
  const me = await server.call('GET', '/actor/v1/whoami', undefined, fresh)
  assert.equal(me.uuid, device.uuid)
  assert.equal((await exchange(other.provisioningKey, hex(16))).status, 401)
})

test('the OS gets its configuration with both VPN fields, and an app sets tags through its device', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const config = await server.call('GET', '/os/v1/config', undefined, device.key)
  assert.equal(typeof config.services.openvpn.config, 'string')
  assert.equal(typeof config.services.openvpn.ca, 'string')
  assert.match(config.config.overrides.logsEndpoint, /^https:/)
  for (const value of ['one', 'two'])
    await server.call('PATCH', '/device/v3/tags', { [device.uuid]: { place: value } }, device.key)
  const tags = await server.ctx.db.sql`select tag_key, value from device_tag where device = ${device.id}`
  assert.deepEqual([...tags], [{ tag_key: 'place', value: 'two' }])
  await assert.rejects(server.call('PATCH', '/device/v3/tags', {}, device.key), /400.*No tags were sent/)
})
