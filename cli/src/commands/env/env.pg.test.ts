import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCopal, startPlatform, type Platform } from '../../../testing/platform.ts'

let platform: Platform

before(async () => {
  platform = await startPlatform()
})
after(async () => {
  await platform[Symbol.asyncDispose]()
})

/** `copal` as somebody who has never logged in. */
const stranger = (args: string[], environment: Record<string, string> = {}) =>
  startCopal(args, { COPAL_CONFIG_DIR: '/nonexistent', ...environment }).ended

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
    ['-r', commit, '-f', 'vars'],
  ]) {
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
