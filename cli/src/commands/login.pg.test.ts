import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { password, startCopal, startPlatform, type Platform } from '../../testing/platform.ts'

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
  assert.match(token.err, /^cannot use this credential: .* · log in again/)
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
