import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startCopal, startPlatform, type Platform } from '../../../testing/platform.ts'

let platform: Platform
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copal-cli-test-'))
  platform = await startPlatform()
})
after(async () => {
  await platform[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** `copal` as somebody who has never logged in. */
const stranger = (args: string[], environment: Record<string, string> = {}) =>
  startCopal(args, { COPAL_CONFIG_DIR: '/nonexistent', ...environment }).ended

test('devices are listed, shown, renamed, pinned, moved and removed', async () => {
  await platform.ok('fleet', 'create', 'homes')
  await platform.ok('fleet', 'create', 'away')
  const { uuid } = await platform.device('homes', 'kitchen')
  const { commit } = await platform.release('homes')
  assert.match(
    await platform.ok('device', 'list', '-f', 'homes'),
    new RegExp(`\n${uuid.slice(0, 7)} +kitchen +admin/homes +offline`),
  )
  assert.equal(await platform.ok('device', 'rename', 'kitchen', 'hall'), 'kitchen is now hall.\n')
  assert.match(await platform.ok('device', 'pin', 'hall', commit.slice(0, 7)), /^hall stays on /)
  assert.match(await platform.ok('device', 'show', uuid), /should run +.*, pinned\n/)
  assert.equal(await platform.ok('device', 'track', 'hall'), 'hall follows its fleet.\n')
  assert.equal(await platform.ok('device', 'move', 'hall', '-f', 'away'), 'hall belongs to admin/away now.\n')
  assert.equal((await platform.json('device', 'show', 'hall')).belongs_to__application[0].slug, 'admin/away')
  assert.equal(await platform.ok('device', 'rm', 'hall', '-y'), 'Removed hall.\n')
  assert.match((await platform.copal('device', 'show', uuid)).err, /^cannot find a device /)
})

test('what devices call themselves moves no cursor, turns no writing and makes no second line', async () => {
  await platform.ok('fleet', 'create', 'hostile')
  const { uuid } = await platform.device('hostile')
  const evil = 'a\u001b[2J\u001b]0;title\u0007b\u202egnp.exe'
  await platform.call('PATCH', `/v7/device(uuid='${uuid}')`, { device_name: evil })
  for (const args of [
    ['device', 'list', '-f', 'hostile'],
    ['device', 'show', uuid],
    ['device', 'track', uuid],
  ]) {
    const { out, err } = await platform.copal(...args)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u202e]/)
    assert.match(out, /ab/)
  }
  const list = await platform.ok('device', 'list', '-f', 'hostile')
  assert.equal(list.trimEnd().split('\n').length, 2)
  // Scripts get the name as it is.
  const [{ device_name }] = await platform.json('device', 'list', '-f', 'hostile')
  assert.equal(device_name, evil)
})

test('a config.json for hardware goes to standard output, or to a file that only its owner reads', async () => {
  const { id } = await platform.json('fleet', 'create', 'metal')
  const config = JSON.parse(await platform.ok('device', 'config', '-f', 'metal'))
  assert.equal(config.applicationId, id)
  const file = join(folder, 'config.json')
  const { err } = await platform.copal(
    ...`device config -f metal -o ${file} --wifi Hof --wifi-key geheim --poll 10 --development`.split(' '),
  )
  assert.match(err, /^Wrote .* for admin\/metal/)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const written = JSON.parse(await readFile(file, 'utf8'))
  assert.deepEqual(
    [written.wifiSsid, written.wifiKey, written.appUpdatePollInterval, written.developmentMode],
    ['Hof', 'geheim', 600_000, true],
  )
  // The key in it lets a device join.
  const body = { application: id, device_type: config.deviceType, uuid: 'ab'.repeat(16) }
  assert.ok((await platform.call('POST', '/device/register', body, written.apiKey)).id)
  assert.match(
    (await platform.copal('device', 'config', '-f', 'metal', '--wifi', 'Hof')).err,
    /^cannot ask for the passphrase of Hof here · give --wifi-key or COPAL_WIFI_KEY/,
  )
})

test('completion offers commands, options, fleets and devices', async () => {
  await platform.ok('fleet', 'create', 'tabs')
  const { uuid } = await platform.device('tabs', 'tabby')
  const tab = async (...words: string[]) => (await platform.ok('complete', '--', ...words)).split('\n')
  assert.deepEqual(await tab('fle'), ['fleet', ''])
  assert.deepEqual(await tab('fleet', 'show', 'admin/tab'), ['admin/tabs', ''])
  assert.deepEqual(await tab('device', 'list', '-f', 'admin/tab'), ['admin/tabs', ''])
  assert.deepEqual(await tab('logs', 'tabb'), ['tabby', ''])
  assert.deepEqual(await tab('logs', uuid.slice(0, 5)), [uuid.slice(0, 7), ''])
  assert.equal((await stranger(['complete', '--', 'logs', ''])).code, 0)
  for (const shell of ['bash', 'zsh', 'fish'])
    assert.match(await platform.ok('completion', shell), /copal complete --/)
})
