import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { LogStream } from './log-stream.ts'
import { Platform } from './platform.ts'
import { TestPlatform } from './testing/platform.ts'

async function stream(t: TestContext) {
  const platform = await TestPlatform.start()
  platform.knows('u1', 'k1')
  const client = new Platform(platform.endpoint, 'k1')
  const log = new LogStream(client, 'u1')
  const stop = new AbortController()
  let running: Promise<void> | undefined
  t.after(async () => {
    stop.abort()
    await running
    client.close()
    await platform.down()
  })
  const run = () => (running = log.run(stop.signal))
  const push = (message: string, line: number) =>
    log.push({ message, timestamp: 1, serviceId: 7, source: 'c', place: String(line) }, stop.signal)
  return { platform, log, run, push, stop }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > end) throw new Error('not within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('lines arrive in order, and a platform that keeps no places has them once it has answered', async (t) => {
  const { platform, log, run, push } = await stream(t)
  let acknowledged: string | undefined
  log.onAcknowledged = (sent) => (acknowledged = sent.get('c'))
  run()
  for (let line = 1; line <= 300; line++) await push(`line ${line}`, line)
  await until(() => platform.logs.length === 300)
  assert.equal(platform.logs[299]?.message, 'line 300')
  await until(() => acknowledged === '300')
})

test('what the platform did not take is sent again', async (t) => {
  const { platform, log, run, push } = await stream(t)
  await platform.down()
  run()
  await push('kept', 1)
  log.say('ours')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await platform.up()
  await until(() => platform.logs.length === 2)
  assert.deepEqual(
    platform.logs.map(({ message, isSystem }) => [message, isSystem]),
    [
      ['kept', undefined],
      ['ours', true],
    ],
  )
})

test('readers of containers wait while the way is blocked, and lose nothing', async (t) => {
  const { platform, run, push } = await stream(t)
  let pushed = 0
  const pushing = (async () => {
    for (let line = 1; line <= 100; line++) {
      await push(`${line} ${'x'.repeat(9000)}`, line)
      pushed = line
    }
  })()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(pushed < 40, `${pushed} lines were taken`)
  run()
  await pushing
  await until(() => platform.logs.length === 100)
})

test('too many lines of our own are dropped, and the gap says how many', async (t) => {
  const { platform, log, run } = await stream(t)
  t.mock.method(process.stdout, 'write', () => true)
  for (let line = 0; line < 1000; line++) log.say(`${line} ${'x'.repeat(200)}`)
  t.mock.restoreAll()
  run()
  await until(() => platform.logs.length > 0)
  await until(() => /were dropped here/.test(platform.logs.at(-1)?.message ?? ''))
  const dropped = Number(/^\d+/.exec(platform.logs.at(-1)?.message ?? '')?.[0])
  assert.equal(dropped + platform.logs.length - 1, 1000)
})

test('stopping sends what waits before it ends', async (t) => {
  const { platform, run, push, stop } = await stream(t)
  const running = run()
  await push('last words', 1)
  await new Promise((resolve) => setTimeout(resolve, 200))
  stop.abort()
  await running
  assert.equal(platform.logs.at(-1)?.message, 'last words')
})
