import assert from 'node:assert/strict'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { constants, createGzip, gzipSync, type Gzip } from 'node:zlib'
import type { StoredLine } from '@copal/wire/log-line.ts'
import { eventually, testDevice, testFleet, type TestDevice } from '../devices/test-fleet.ts'
import { startServer } from '../parts.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { dropOldPartitions, ensurePartitions } from './partitions.ts'

const now = Date.now()
const line = (message: string, more: object = {}) => ({ message, timestamp: now, ...more })
const ndjson = (lines: object[]) => lines.map((one) => `${JSON.stringify(one)}\n`).join('')

interface Stream {
  answer: Promise<IncomingMessage>
  answered(): boolean
  write(...lines: object[]): Promise<void>
  request: ClientRequest
  gzip: Gzip
}

/** A log stream as supervisors keep it: gzipped, flushed bit by bit. */
function openStream(url: string, device: TestDevice, headers: Record<string, string> = {}): Stream {
  let answered = false
  const request = httpRequest(`${url}/device/v2/${device.uuid}/log-stream`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${device.key}`,
      'Content-Type': 'application/x-ndjson',
      'Content-Encoding': 'gzip',
      ...headers,
    },
  })
  request.flushHeaders()
  const answer = new Promise<IncomingMessage>((done, failed) => {
    request.once('response', (response) => {
      answered = true
      response.resume()
      done(response)
    })
    request.once('error', failed)
  })
  answer.catch(() => undefined)
  const gzip = createGzip()
  gzip.pipe(request)
  return {
    answer,
    answered: () => answered,
    request,
    gzip,
    write: (...lines) =>
      new Promise((done) => {
        gzip.write(ndjson(lines))
        gzip.flush(constants.Z_SYNC_FLUSH, () => done())
      }),
  }
}

const history = (server: TestServer, device: TestDevice, query = ''): Promise<StoredLine[]> =>
  server.call('GET', `/device/v2/${device.uuid}/logs${query}`)

const messages = async (server: TestServer, device: TestDevice, query = '') =>
  (await history(server, device, query)).map(({ message }) => message)

/** Follows a log; `heard` grows as lines come. */
async function openTail(url: string, token: string, device: TestDevice, query = '') {
  const stop = new AbortController()
  const response = await fetch(`${url}/device/v2/${device.uuid}/logs?stream=1${query}`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: stop.signal,
  })
  const heard: string[] = []
  const reading = (async () => {
    let rest = ''
    for await (const chunk of response.body!) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n')
      rest = lines.pop()!
      for (const text of lines) if (text) heard.push(JSON.parse(text).message)
    }
  })().catch(() => undefined)
  return {
    response,
    heard,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await reading
    },
  }
}

test('a stream of lines is stored as it comes, and answered 201 only when the device ends it', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const stream = openStream(server.url, device)
  await stream.write(line('first', { isSystem: true }), line('second', { serviceId: 40, isStdErr: true }))
  await eventually('stored', async () => (await history(server, device)).length === 2)
  assert.equal(stream.answered(), false)
  stream.gzip.end()
  assert.equal((await stream.answer).statusCode, 201)
  const [first, second] = await history(server, device)
  assert.ok(Math.abs(first!.createdAt - Date.now()) < 60_000)
  assert.deepEqual(
    { ...second, createdAt: 0 },
    { createdAt: 0, timestamp: now, isSystem: false, isStdErr: true, message: 'second', serviceId: 40 },
  )
})

test('a gzip stream that breaks off costs nothing that had arrived', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const cut = openStream(server.url, device)
  await cut.write(line('before the cut'))
  await eventually('stored', async () => (await history(server, device)).length === 1)
  cut.request.destroy()
  const whole = gzipSync(ndjson([line('truncated but whole line')]))
  const answer = await fetch(`${server.url}/device/v2/${device.uuid}/log-stream`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${device.key}`,
      'Content-Type': 'application/x-ndjson',
      'Content-Encoding': 'gzip',
    },
    body: whole.subarray(0, whole.length - 8),
  })
  assert.equal(answer.status, 201)
  assert.deepEqual(await messages(server, device), ['before the cut', 'truncated but whole line'])
})

test('a foreign key, another type and another encoding are answered at once, damaged gzip with a sentence', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const [device, other] = [await testDevice(server, fleet), await testDevice(server, fleet)]
  const status = async (stream: Stream) => (await stream.answer).statusCode
  assert.equal(await status(openStream(server.url, { ...device, key: other.key })), 401)
  assert.equal(await status(openStream(server.url, device, { 'Content-Type': 'text/plain' })), 415)
  assert.equal(await status(openStream(server.url, device, { 'Content-Encoding': 'br' })), 415)
  const damaged = await fetch(`${server.url}/device/v2/${device.uuid}/log-stream`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${device.key}`,
      'Content-Type': 'application/x-ndjson',
      'Content-Encoding': 'gzip',
    },
    body: 'no gzip at all',
  })
  assert.equal(damaged.status, 400)
})

test('a bad line costs that line and is counted in its place; lines of other devices are ignored', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const stream = openStream(server.url, device)
  await stream.write(
    line('one'),
    { message: 5, timestamp: now },
    { uuid: 'x', message: 'foreign', timestamp: now },
    line('two \0 nul'),
  )
  stream.gzip.end()
  await stream.answer
  assert.deepEqual(await messages(server, device), [
    'one',
    '1 line dropped: not understood',
    'two \ufffd nul',
  ])
})

test('lines with equal, older and out-of-order times are all stored, in the order of time and then arrival', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const at = (message: string, timestamp: number) => ({ message, timestamp })
  const stream = openStream(server.url, device)
  await stream.write(at('b', 20), at('c', 20), at('a', 10), at('d', 1e15), at('z', -5), at('e', 1e15))
  stream.gzip.end()
  await stream.answer
  assert.deepEqual(await messages(server, device), ['z', 'a', 'b', 'c', 'd', 'e'])
})

test('lines above the limit are marked where they are missing, in history and live alike', async () => {
  await using server = await testServer({ COPAL_LOG_LINES_PER_SECOND: '2' })
  const device = await testDevice(server, await testFleet(server))
  await using tail = await openTail(server.url, server.token, device)
  const stream = openStream(server.url, device)
  await stream.write(...Array.from({ length: 50 }, (_, i) => line(`line ${i}`)))
  stream.gzip.end()
  await stream.answer
  const stored = await messages(server, device)
  assert.equal(stored.at(-1), '10 lines dropped: more than 2 a second')
  assert.equal(stored.length, 41)
  await eventually('live', () => tail.heard.length === 41)
  assert.deepEqual(tail.heard, stored)
})

test('small batches: at most ten lines, fifteen batches in ten seconds', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const post = (body: unknown) =>
    fetch(`${server.url}/device/v2/${device.uuid}/logs`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${device.key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  const batch = [line('one'), { message: 'no time' }, line('two')]
  assert.equal((await post(batch)).status, 201)
  assert.deepEqual(await messages(server, device), ['one', 'two', '1 line dropped: not understood'])
  assert.equal((await post(Array.from({ length: 11 }, () => line('x')))).status, 400)
  assert.equal((await post({})).status, 400)
  for (let i = 1; i < 15; i++) assert.equal((await post([line(`${i}`)])).status, 201)
  const many = await post([line('x')])
  assert.equal(many.status, 429)
  assert.ok(many.headers.get('retry-after'))
})

test('history: the newest thousand, oldest first; `count` and `start` narrow it; strangers get 404', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const [device, other] = [await testDevice(server, fleet), await testDevice(server, fleet)]
  const stream = openStream(server.url, device)
  await stream.write(...Array.from({ length: 1100 }, (_, i) => ({ message: `${i}`, timestamp: now + i })))
  stream.gzip.end()
  await stream.answer
  const all = await messages(server, device)
  assert.equal(all.length, 1000)
  assert.equal(all[0], '100')
  assert.deepEqual(await messages(server, device, '?count=2'), ['1098', '1099'])
  assert.equal((await messages(server, device, '?count=all')).length, 1000)
  assert.deepEqual(await messages(server, device, `?start=${now + 1098}`), ['1098', '1099'])
  assert.deepEqual(await messages(server, device, `?start=${new Date(now + 1099).toISOString()}`), ['1099'])
  assert.deepEqual(await messages(server, { ...device, uuid: other.uuid }), [])
  await assert.rejects(history(server, device, '?count=many'), /400/)
  await assert.rejects(history(server, { ...device, uuid: 'f'.repeat(32) }), /404/)
  const asOther = await fetch(`${server.url}/device/v2/${device.uuid}/logs`, {
    headers: { Authorization: `Bearer ${other.key}` },
  })
  assert.equal(asOther.status, 404)
  assert.equal((await fetch(`${server.url}/device/v2/${device.uuid}/logs`)).status, 401)
})

test('a reader gets history as asked, then lines as they come, without a gap and without doubles', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const stream = openStream(server.url, device)
  await stream.write(line('old 1'), line('old 2'))
  await eventually('stored', async () => (await history(server, device)).length === 2)
  await using live = await openTail(server.url, server.token, device)
  await using tail = await openTail(server.url, server.token, device, '&count=1')
  assert.equal(live.response.headers.get('content-type'), 'application/x-ndjson')
  await eventually('history', () => tail.heard.length === 1)
  const start = Date.now()
  await stream.write(line('new 1'))
  await eventually('live', () => live.heard.length === 1 && tail.heard.length === 2)
  assert.ok(Date.now() - start < 1000)
  await stream.write(line('new 2'))
  await eventually('more', () => live.heard.length === 2 && tail.heard.length === 3)
  assert.deepEqual(live.heard, ['new 1', 'new 2'])
  assert.deepEqual(tail.heard, ['old 2', 'new 1', 'new 2'])
  stream.gzip.end()
  await stream.answer
})

test('a reader on another copy of the server gets the lines too', async () => {
  await using server = await testServer()
  const { config } = server.ctx
  const port = config.port + 1 > 65535 ? config.port - 1 : config.port + 1
  await using second = await startServer({ ...config, port })
  const device = await testDevice(server, await testFleet(server))
  await using tail = await openTail(`http://127.0.0.1:${second.ctx.config.port}`, server.token, device)
  await eventually('watched', async () => (await server.ctx.db.sql`select from watch`).length === 1)
  const stream = openStream(server.url, device)
  for (let i = 0; i < 3; i++) {
    await stream.write(line(`line ${i}`))
    await eventually(`line ${i}`, () => tail.heard.length === i + 1)
  }
  assert.deepEqual(tail.heard, ['line 0', 'line 1', 'line 2'])
  stream.gzip.end()
  await stream.answer
})

test('a reader that does not read holds nothing up, and gets everything when it reads on', async () => {
  await using server = await testServer({ COPAL_LOG_LINES_PER_SECOND: '100000' })
  const device = await testDevice(server, await testFleet(server))
  const reader = await new Promise<IncomingMessage>((done) => {
    httpRequest(
      `${server.url}/device/v2/${device.uuid}/logs?stream=1`,
      { headers: { Authorization: `Bearer ${server.token}` } },
      done,
    ).end()
  })
  reader.pause()
  await eventually('watched', async () => (await server.ctx.db.sql`select from watch`).length === 1)
  const stream = openStream(server.url, device)
  const many = 6000
  for (let i = 0; i < many; i += 500)
    await stream.write(...Array.from({ length: 500 }, (_, j) => line(`${i + j} ${'x'.repeat(400)}`)))
  stream.gzip.end()
  assert.equal((await stream.answer).statusCode, 201)
  let text = ''
  reader.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  reader.resume()
  const count = () => text.split('\n').filter(Boolean).length
  await eventually('all lines', () => count() === many)
  const numbers = text
    .split('\n')
    .filter(Boolean)
    .map((one) => Number.parseInt(JSON.parse(one).message, 10))
  assert.deepEqual(
    numbers,
    Array.from({ length: many }, (_, i) => i),
  )
  reader.destroy()
  await eventually('unwatched', async () => (await server.ctx.db.sql`select from watch`).length === 0)
})

test('days are made ahead, and dropped whole when they are older than the setting', async () => {
  await using server = await testServer({ COPAL_LOG_DAYS: '7' })
  const { ctx } = server
  const inDays = (days: number) => ({ ...ctx, now: () => new Date(Date.now() + days * 24 * 3600_000) })
  const count = async () =>
    (await ctx.db.sql`select from pg_inherits where inhparent = 'device_log'::regclass`).length
  assert.equal(await count(), 5)
  await ensurePartitions(inDays(4))
  assert.equal(await count(), 9)
  assert.equal((await dropOldPartitions(ctx)).length, 0)
  assert.equal((await dropOldPartitions(inDays(8))).length, 2)
})
