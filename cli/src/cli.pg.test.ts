// Each command as people and as scripts run it, against the real server.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { password, startCopal, startPlatform, type Platform } from '../testing/platform.ts'

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
  startCopal(args, { COPAL_CONFIG_DIR: join(folder, 'stranger'), ...environment }).ended

test('login by name and password is remembered for the commands that follow, readable for nobody else', async () => {
  const home = { COPAL_CONFIG_DIR: join(folder, 'home') }
  const before = await startCopal(['whoami'], home).ended
  assert.equal(before.code, 1)
  assert.match(before.err, /^cannot tell which platform, or who you are · type: copal login/)

  const login = await startCopal(['login', platform.url, '-u', 'admin', '-p', password], home).ended
  assert.equal(login.out, `Logged in to ${platform.url} as admin.\n`)
  assert.equal((await stat(join(folder, 'home', 'cli.json'))).mode & 0o777, 0o600)
  assert.match((await startCopal(['whoami'], home).ended).out, /user +admin\ne-mail +admin@example.test\n/)
  const me = JSON.parse((await startCopal(['whoami', '--json'], home).ended).out)
  assert.deepEqual([me.username, me.url], ['admin', platform.url])

  await startCopal(['logout'], home).ended
  assert.equal((await startCopal(['whoami'], home).ended).code, 1)
})

test('a wrong password, a missing one, and a token that is none: a sentence each, exit code 1', async () => {
  const wrong = await stranger(['login', platform.url, '-u', 'admin', '-p', 'guess'])
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /^cannot log in to .* as admin: the name or the password is wrong\n$/)
  const missing = await stranger(['login', platform.url, '-u', 'admin'])
  assert.match(missing.err, /^cannot ask for a name and a password here · give --user and --password/)
  const token = await stranger(['fleet', 'list'], { COPAL_URL: platform.url, COPAL_TOKEN: 'none' })
  assert.equal(token.code, 1)
  assert.match(token.err, /^cannot .*copal login/)
})

test('over https the certificate is trusted once, by its fingerprint; then commands go on with it', async () => {
  const home = { COPAL_CONFIG_DIR: join(folder, 'https') }
  const url = `https://127.0.0.1:${platform.port}`
  const untrusted = await startCopal(['fleet', 'list'], { ...home, COPAL_URL: url, COPAL_TOKEN: 'x' }).ended
  assert.match(untrusted.err, /^cannot trust the certificate of https:.* · type: copal login https:/)
  const asked = await startCopal(['login', url, '-u', 'admin', '-p', password], home).ended
  assert.equal(asked.code, 1)
  assert.match(asked.err, /[0-9A-F]{2}(:[0-9A-F]{2}){31}\ncannot ask whether to trust .* --yes/)
  const login = await startCopal(['login', url, '--yes', '-u', 'admin', '-p', password], home).ended
  assert.equal(login.code, 0)
  assert.equal(JSON.parse((await startCopal(['whoami', '--json'], home).ended).out).url, url)
  assert.match((await startCopal(['trust', '--print'], home).ended).out, /^-----BEGIN CERTIFICATE-----/)

  // Another authority than at the last login: said aloud, and asked for again.
  const kept = JSON.parse(await readFile(join(folder, 'https', 'cli.json'), 'utf8'))
  await writeFile(join(folder, 'https', 'cli.json'), JSON.stringify({ ...kept, ca: rootCertificates[0] }))
  const changed = await startCopal(['login', url, '-u', 'admin', '-p', password], home).ended
  assert.equal(changed.code, 1)
  assert.match(changed.err, /is not the one of your last login/)
})

test('an address where nothing listens, one that is no platform, and one that is no address are told apart', async () => {
  const nothing = await stranger(['login', 'http://127.0.0.1:9', '-u', 'a', '-p', 'b'])
  assert.match(nothing.err, /^cannot reach the platform at http:\/\/127.0.0.1:9: nothing listens there/)
  const page = createServer((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p/>'))
  await new Promise<void>((done) => page.listen(0, '127.0.0.1', done))
  const { port } = page.address() as AddressInfo
  const foreign = await stranger(['login', `http://127.0.0.1:${port}`, '--token', 'x'])
  page.close()
  assert.match(foreign.err, /it does not answer as a Copal platform does/)
  assert.match(
    (await stranger(['login', 'http://[', '--token', 'x'])).err,
    /^cannot log in to http:\/\/\[: that is no address/,
  )
})

test('fleets are made, listed, shown, renamed and removed', async () => {
  assert.equal(await platform.ok('fleet', 'create', 'acme', '--type', 'genericx86-64-ext'), 'admin/acme\n')
  const listed = await platform.ok('fleet', 'list')
  assert.match(listed, /^FLEET +DEVICE TYPE +ONLINE +RELEASE\n/)
  assert.match(listed, /\nadmin\/acme +genericx86-64-ext +0\/0 +–\n/)
  assert.ok((await platform.json('fleet', 'list')).some((fleet: any) => fleet.slug === 'admin/acme'))
  assert.match(await platform.ok('fleet', 'show', 'acme'), /git remote +http:.*\/git\/admin\/acme.git\n/)
  assert.equal(await platform.ok('fleet', 'rename', 'acme', 'acme2'), 'admin/acme2\n')
  const refused = await platform.copal('fleet', 'rm', 'acme2')
  assert.match(refused.err, /^cannot ask here: Remove admin\/acme2 .* · give --yes/)
  assert.equal(await platform.ok('fleet', 'rm', 'acme2', '--yes'), 'Removed admin/acme2.\n')
  const gone = await platform.copal('fleet', 'show', 'acme2')
  assert.deepEqual(
    [gone.code, gone.err],
    [1, 'cannot find a fleet "acme2" · list yours with: copal fleet list\n'],
  )
  const noType = await platform.copal('fleet', 'create', 'x', '--type', 'toaster')
  assert.match(noType.err, /there is no device type "toaster" · list them with: copal device-type list/)
})

test('a name that several have is asked for in full', async () => {
  await platform.call('POST', '/v7/organization', { name: 'Other', handle: 'other' })
  await platform.ok('fleet', 'create', 'admin/twin')
  await platform.ok('fleet', 'create', 'other/twin')
  assert.match(
    (await platform.copal('fleet', 'show', 'twin')).err,
    /^cannot tell which fleet "twin" is: admin\/twin, other\/twin · give the whole name/,
  )
  assert.match(await platform.ok('fleet', 'show', 'other/twin'), /fleet +other\/twin\n/)
  assert.match(await platform.ok('organization', 'list'), /\nother +Other +1 +1\n/)

  const [a, b] = [
    await platform.device('admin/twin', { device_name: 'same' }),
    await platform.device('other/twin', { device_name: 'same' }),
  ]
  const device = await platform.copal('device', 'show', 'same')
  assert.match(device.err, /^cannot tell which device "same" is: .* · give the uuid/)
  assert.ok(device.err.includes(a.uuid.slice(0, 12)) && device.err.includes(b.uuid.slice(0, 12)))
  assert.match(await platform.ok('device', 'show', a.uuid.slice(0, 12)), /fleet +admin\/twin\n/)

  await platform.release('admin/twin', { semver: '7.0.0' })
  await platform.release('other/twin', { semver: '7.0.0' })
  assert.match(
    (await platform.copal('release', 'invalidate', '7.0.0')).err,
    /^cannot tell which release "7.0.0" is: .* · give --fleet/,
  )
  assert.match(await platform.ok('release', 'show', '7.0.0', '-f', 'other/twin'), /fleet +other\/twin\n/)
})

test('devices are listed, shown, renamed, pinned, moved and removed', async () => {
  await platform.ok('fleet', 'create', 'homes')
  await platform.ok('fleet', 'create', 'away')
  const { uuid } = await platform.device('homes', { device_name: 'kitchen' })
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
  const evil = 'a\u001b[2J\u001b]0;title\u0007b\nfake row\u202egnp.exe'
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

test('releases are listed, shown, finalized, invalidated; a fleet is pinned to one and follows again', async () => {
  await platform.ok('fleet', 'create', 'rels')
  assert.match(await platform.ok('release', 'list', 'rels'), /^There is no release yet/)
  const { commit } = await platform.release('rels', { is_final: false })
  const short = commit.slice(0, 7)
  assert.match(
    await platform.ok('release', 'list', 'rels'),
    new RegExp(`\n${short} +\\S+ +success, draft +\\d{4}-`),
  )
  assert.equal(await platform.ok('release', 'finalize', short), `Release ${short} is final.\n`)
  assert.match(await platform.ok('release', 'show', short), /status +success\n/)
  assert.equal((await platform.json('release', 'show', short)).commit, commit)
  assert.match(await platform.ok('fleet', 'pin', 'rels', short), /^admin\/rels stays on /)
  assert.match(await platform.ok('fleet', 'track', 'rels'), /follows the latest release/)
  assert.match(await platform.ok('release', 'invalidate', short), /no fleet follows it any more/)
  assert.equal((await platform.copal('release', 'logs', short)).err, 'There is no log.\n')
  const failed = await platform.release('rels', { status: 'failed' })
  assert.match(
    (await platform.copal('fleet', 'pin', 'rels', failed.commit.slice(0, 7))).err,
    /^cannot pin admin\/rels to .*: that release ended as failed · see: copal release logs/,
  )
})

test('variables and tags are set, set again, listed and removed', async () => {
  await platform.ok('fleet', 'create', 'vars')
  const { uuid } = await platform.device('vars')
  await platform.ok('env', 'set', 'A=1', 'B=x=y', '-f', 'vars')
  await platform.ok('env', 'set', 'A=2', '-f', 'vars')
  assert.equal(await platform.ok('env', 'list', '-f', 'vars'), 'NAME  VALUE\nA     2\nB     x=y\n')
  assert.equal(await platform.ok('env', 'rm', 'B', '-f', 'vars'), 'B is removed.\n')
  assert.match(
    (await platform.copal('env', 'set', 'A', '-f', 'vars')).err,
    /^cannot set "A" · write NAME=value/,
  )
  assert.match((await platform.copal('env', 'list')).err, /give --fleet or --device/)

  const { commit } = await platform.release('vars')
  for (const place of [
    ['-f', 'vars'],
    ['-d', uuid],
    ['-r', commit],
    ['-r', commit, '-f', 'vars'],
  ]) {
    assert.match(await platform.ok('tag', 'list', ...place), /^There are no tags on /)
    await platform.ok('tag', 'set', 'site', 'Ulm', ...place)
    await platform.ok('tag', 'set', 'site', 'Köln', ...place)
    await platform.ok('tag', 'set', 'only-there', ...place)
    assert.equal(
      await platform.ok('tag', 'list', ...place),
      'KEY         VALUE\nonly-there  –\nsite        Köln\n',
    )
    assert.equal((await platform.json('tag', 'list', ...place))[1].value, 'Köln')
    await platform.ok('tag', 'rm', 'site', 'only-there', ...place)
    assert.match(
      (await platform.copal('tag', 'rm', 'site', ...place)).err,
      /^cannot remove tag site: it is not on/,
    )
  }
  assert.match((await platform.copal('tag', 'list', '-d', uuid, '-f', 'vars')).err, /^cannot tell whose tags/)
})

test('API keys are made, work, are listed without their value, and stop working when revoked', async () => {
  const made = await platform.copal('api-key', 'create', 'ci', '--expires', '30d', '--description', 'for CI')
  assert.equal(made.err, 'Keep it: it is shown this once.\n')
  const key = made.out.trim()
  const asKey = { COPAL_URL: platform.url, COPAL_TOKEN: key }
  assert.equal(JSON.parse((await stranger(['whoami', '--json'], asKey)).out).username, 'admin')
  const listed = await platform.ok('api-key', 'list')
  assert.match(listed, /^ID +NAME +CREATED +EXPIRES +DESCRIPTION\n/)
  assert.ok(!listed.includes(key))
  const [{ id }] = (await platform.json('api-key', 'list')).filter((each: any) => each.name === 'ci')
  assert.equal(await platform.ok('api-key', 'revoke', String(id), '--yes'), `Revoked ${id} (ci).\n`)
  assert.equal((await stranger(['whoami'], asKey)).code, 1)
  assert.match((await platform.copal('api-key', 'revoke', '999999', '-y')).err, /^cannot find key 999999/)
  const past = await platform.copal('api-key', 'create', 'x', '--expires', '2001-01-01')
  assert.deepEqual([past.code, past.out], [2, ''])

  await platform.ok('fleet', 'create', 'keys')
  const provisioning = await platform.json('api-key', 'create', 'factory', '-f', 'keys')
  assert.equal(provisioning.name, 'factory')
  assert.match(await platform.ok('api-key', 'list', '-f', 'keys'), /factory +\d{4}-.* never/)
})

test('device types are listed by processor', async () => {
  assert.match(await platform.ok('device-type', 'list'), /\nraspberrypi3 +armv7hf +Raspberry Pi 3/)
  const arm = await platform.json('device-type', 'list', '--arch', 'rpi')
  assert.ok(arm.length > 0 && arm.every((each: any) => each.is_of__cpu_architecture[0].slug === 'rpi'))
})

test('a config.json for hardware goes to standard output, or to a file that only its owner reads', async () => {
  const { id } = await platform.json('fleet', 'create', 'metal')
  const config = JSON.parse(await platform.ok('device', 'config', '-f', 'metal'))
  assert.equal(config.applicationId, id)
  const file = join(folder, 'config.json')
  const { err } = await platform.copal(
    'device',
    'config',
    '-f',
    'metal',
    '-o',
    file,
    '--wifi',
    'Hof',
    '--wifi-key',
    'geheim',
    '--poll',
    '10',
    '--development',
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
  const { uuid } = await platform.device('tabs', { device_name: 'tabby' })
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

test('a reader that has had enough ends it quietly', async () => {
  const { child, ended } = platform.start(['device-type', 'list', '--json'])
  child.stdout!.destroy()
  const { code, err } = await ended
  assert.deepEqual([code, err], [0, ''])
})

test('what is typed wrong is told with what was meant, and exit code 2', async () => {
  const { code, err } = await platform.copal('flet', 'list')
  assert.equal(code, 2)
  assert.match(err, /unknown command 'flet'\n\(Did you mean fleet\?\)/)
  assert.equal((await platform.copal('fleet', 'list', '--jsn')).code, 2)
  assert.equal((await platform.copal('release', 'list', 'x', '-n', 'many')).code, 2)
  assert.equal((await platform.copal('--version')).code, 0)
})
