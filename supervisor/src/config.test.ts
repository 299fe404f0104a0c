import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { ConfigFile, ensureIdentity } from './config.ts'

async function folders(t: TestContext, config?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'copal-config-'))
  t.after(() => rm(folder, { recursive: true }))
  const [boot, state] = [join(folder, 'boot'), join(folder, 'state')]
  await mkdir(boot)
  if (config !== undefined) await writeFile(join(boot, 'config.json'), config)
  return { boot, state, path: join(boot, 'config.json') }
}

test('a device without a name makes one up, keeps it, and keeps all other keys', async (t) => {
  const { boot, state, path } = await folders(t, '{"apiEndpoint":"https://x","country":"CH"}')
  const identity = await ensureIdentity(await ConfigFile.open(boot, state))
  assert.match(identity.uuid, /^[0-9a-f]{32}$/)
  const written = JSON.parse(await readFile(path, 'utf8')) as unknown
  assert.deepEqual(written, {
    apiEndpoint: 'https://x',
    country: 'CH',
    uuid: identity.uuid,
    deviceApiKey: identity.key,
  })
  assert.deepEqual(await ensureIdentity(await ConfigFile.open(boot, state)), identity)
  assert.deepEqual(await readdir(boot), ['config.json'])
})

test('what is not valid JSON is left alone, kept aside, and the last good one is used', async (t) => {
  const { boot, state, path } = await folders(t, '{"uuid":"u1","deviceApiKey":"k1"}')
  await ConfigFile.open(boot, state)
  await writeFile(path, '{"uuid":"u1",}')
  const file = await ConfigFile.open(boot, state)
  assert.equal(file.get().uuid, 'u1')
  await file.change({ deviceId: 7 })
  assert.equal(await readFile(path, 'utf8'), '{"uuid":"u1",}')
  assert.equal(await readFile(`${path}.unreadable`, 'utf8'), '{"uuid":"u1",}')
  assert.equal((await ConfigFile.open(boot, state)).get().deviceId, 7)
})

test('a config.json that is gone is written again from its second copy', async (t) => {
  const { boot, state, path } = await folders(t, '{"uuid":"u1"}')
  await ConfigFile.open(boot, state)
  await rm(path)
  await ConfigFile.open(boot, state)
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { uuid: 'u1' })
})

test('without any config.json the way out is named', async (t) => {
  const { boot, state } = await folders(t)
  await assert.rejects(
    ConfigFile.open(boot, state),
    /cannot read .*config\.json: there is none · write it anew/,
  )
})
