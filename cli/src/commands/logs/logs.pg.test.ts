import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type Platform } from '../../../testing/platform.ts'

let platform: Platform

before(async () => {
  platform = await startPlatform({ COPAL_LOG_LINES_PER_SECOND: '2' })
  await platform.ok('fleet', 'create', 'talk')
})
after(() => platform[Symbol.asyncDispose]())

const at = Date.parse('2026-01-02T03:04:05Z')

async function post({ uuid, key }: { uuid: string; key: string }, ...lines: object[]): Promise<void> {
  await platform.call(
    'POST',
    `/device/v2/${uuid}/logs`,
    lines.map((line) => ({ timestamp: at, ...line })),
    key,
  )
}

test('lines are printed with time and source; escapes of programs do nothing; scripts get them whole', async () => {
  const device = await platform.device('talk')
  assert.equal((await platform.copal('logs', device.uuid)).err, 'There are no lines.\n')
  const evil = 'up\u001b[2J\u001b[1A\rdown\nnext'
  await post(device, { message: 'Supervisor starting', isSystem: true }, { message: evil, isStdErr: true })
  assert.equal(
    await platform.ok('logs', device.uuid),
    '03:04:05 [supervisor] Supervisor starting\n03:04:05 [supervisor] updown next\n',
  )
  assert.equal((await platform.json('logs', device.uuid))[1].message, evil)
  assert.match(await platform.ok('logs', device.uuid, '-n', '1'), /^\S+ \S+ updown next\n$/)
})

test('where lines are missing it is said, also to those who look for one service only', async () => {
  const device = await platform.device('talk')
  const lines = Array.from({ length: 50 }, (_, i) => JSON.stringify({ message: `line ${i}`, timestamp: at }))
  await fetch(`${platform.url}/device/v2/${device.uuid}/log-stream`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${device.key}`, 'Content-Type': 'application/x-ndjson' },
    body: lines.join('\n'),
  })
  const gap = '[supervisor] … 10 lines dropped: more than 2 a second …\n'
  assert.ok((await platform.ok('logs', device.uuid)).endsWith(gap))
  assert.ok((await platform.ok('logs', device.uuid, '--service', 'web')).endsWith(gap))
})

test('a follower that loses the platform goes on where it was: nothing missing, nothing twice', async () => {
  const device = await platform.device('talk')
  await post(device, { message: 'one' }, { message: 'two' }, { message: 'two' })
  const follower = platform.start(['logs', device.uuid, '--tail', '--json'])
  const fresh = platform.start(['logs', device.uuid, '--tail', '-n', '0'])
  await follower.says('"two"')
  // A follower of nothing past prints nothing: it is there when it hears the next line.
  await new Promise((done) => setTimeout(done, 1500))
  await post(device, { message: 'three' })
  await fresh.says('three')
  await platform.stop()
  await follower.says('the connection was lost; trying again …')
  await platform.restart()
  await post(device, { message: 'four', timestamp: at - 1e9 }, { message: 'five' })
  await follower.says('five')
  await fresh.says('five')
  for (const { child } of [follower, fresh]) child.kill('SIGINT')
  const said = (await follower.ended).out.trimEnd().split('\n')
  assert.deepEqual(said.map((line) => JSON.parse(line).message).toSorted(), [
    'five',
    'four',
    'one',
    'three',
    'two',
    'two',
  ])
  const heard = (await fresh.ended).out
  assert.deepEqual(heard.match(/one|two|three|four|five/g)!.toSorted(), ['five', 'four', 'three'])
})

test('a follower of a device that is removed ends with a sentence', async () => {
  const device = await platform.device('talk')
  await platform.ok('device', 'rm', device.uuid, '-y')
  const { code, err } = await platform.copal('logs', device.uuid, '--tail')
  assert.equal(code, 1)
  assert.match(err, /^cannot find a device /)
})
