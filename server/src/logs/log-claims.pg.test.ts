import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDevice, testFleet, type TestDevice } from '../devices/test-fleet.ts'
import { testServer, type TestServer } from '../test-server.ts'

const line = (message: string, place: string, source = 'c1') => ({ message, timestamp: 1, source, place })

const claim = (server: TestServer, device: TestDevice) =>
  server.call('POST', `/device/v2/${device.uuid}/log-claim`, undefined, device.key)

function send(server: TestServer, device: TestDevice, claim: string, body: string | ReadableStream) {
  return fetch(`${server.url}/device/v2/${device.uuid}/log-stream?claim=${claim}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${device.key}`, 'Content-Type': 'application/x-ndjson' },
    body,
    duplex: 'half',
  } as RequestInit)
}

const ndjson = (...lines: object[]) => lines.map((one) => `${JSON.stringify(one)}\n`).join('')

async function messages(server: TestServer, device: TestDevice): Promise<string[]> {
  const lines: { message: string }[] = await server.call('GET', `/device/v2/${device.uuid}/logs`)
  return lines.map(({ message }) => message)
}

test('a device that claims its logs is told the last place of each source', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const first = await claim(server, device)
  assert.deepEqual(first.places, {})
  const sent = ndjson(line('a', 'p1'), line('b', 'p2'), line('c', 'p1', 'c2'), { message: 'd', timestamp: 1 })
  assert.equal((await send(server, device, first.claim, sent)).status, 201)
  const second = await claim(server, device)
  assert.notEqual(second.claim, first.claim)
  assert.deepEqual(second.places, { c1: 'p2', c2: 'p1' })
  assert.deepEqual(await messages(server, device), ['a', 'b', 'c', 'd'])
})

test('a stream whose claim was taken over stores nothing more, and is answered 409', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const first = await claim(server, device)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  writer.closed.catch(() => undefined)
  const answer = send(server, device, first.claim, readable)
  await writer.write(Buffer.from(ndjson(line('before', 'p1'))))
  while ((await messages(server, device)).length === 0) await new Promise((done) => setTimeout(done, 20))
  const second = await claim(server, device)
  assert.deepEqual(second.places, { c1: 'p1' })
  await writer.write(Buffer.from(ndjson(line('too late', 'p2'))))
  await writer.close()
  assert.equal((await answer).status, 409)
  assert.equal((await send(server, device, second.claim, ndjson(line('after', 'p2')))).status, 201)
  assert.deepEqual(await messages(server, device), ['before', 'after'])
})

test('a claimed line that was cut off in its middle is left for the device to send again', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const first = await claim(server, device)
  const cut = ndjson(line('whole', 'p1'), line('cut off', 'p2')).slice(0, -20)
  assert.equal((await send(server, device, first.claim, cut)).status, 201)
  assert.deepEqual((await claim(server, device)).places, { c1: 'p1' })
  assert.deepEqual(await messages(server, device), ['whole'])
})

test('only the newest two hundred sources are remembered', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const many = Array.from({ length: 210 }, (_, i) => line('x', 'p', `old ${i}`))
  const { claim: first } = await claim(server, device)
  await send(server, device, first, ndjson(...many))
  await server.ctx.db
    .sql`update log_claim set places = (select jsonb_object_agg(key, jsonb_build_array(value ->> 0, 1))
    from jsonb_each(places))`
  await send(server, device, first, ndjson(line('y', 'p', 'new')))
  const { places } = await claim(server, device)
  assert.equal(Object.keys(places).length, 200)
  assert.equal(places['new'], 'p')
})

test('strangers claim nothing', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const [device, other] = [await testDevice(server, fleet), await testDevice(server, fleet)]
  await assert.rejects(claim(server, { ...device, key: other.key }), /401/)
})
