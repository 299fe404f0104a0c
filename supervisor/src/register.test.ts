import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { ConfigFile, ensureIdentity } from './config.ts'
import type { HostFacts } from './host/facts.ts'
import { Platform } from './platform.ts'
import { isRegistered, register } from './register.ts'
import { TestPlatform } from './testing/platform.ts'

const host: HostFacts = {
  deviceType: 'virtual',
  arch: 'amd64',
  osName: 'CopalOS',
  osVersion: '2.0.0',
  osVariant: 'dev',
}

async function fresh(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'copal-register-'))
  const platform = await TestPlatform.start()
  const client = new Platform(platform.endpoint, '')
  const stop = new AbortController()
  t.after(async () => {
    stop.abort()
    client.close()
    await platform.down()
    await rm(folder, { recursive: true })
  })
  await mkdir(join(folder, 'boot'))
  const path = join(folder, 'boot/config.json')
  await writeFile(path, '{"apiKey":"provisioning","applicationId":10,"bootstrapRetryDelay":20}')
  const config = await ConfigFile.open(join(folder, 'boot'), join(folder, 'state'))
  return { platform, client, config, path, stop }
}

test('a registered device has its id and key in config.json, and no provisioning key', async (t) => {
  const { platform, client, config, path, stop } = await fresh(t)
  assert.ok(!isRegistered(config))
  assert.equal(await register(config, client, host, stop.signal), true)
  const [sent] = platform.registrations
  assert.equal(sent?.['device_type'], 'virtual')
  assert.equal(sent?.['application'], 10)
  const written = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  assert.equal(written['deviceId'], 20)
  assert.equal(written['deviceApiKey'], sent?.['api_key'])
  assert.equal(written['apiKey'], undefined)
  assert.ok(isRegistered(config))
})

test('a refusal is tried again until it works', async (t) => {
  const { platform, client, config, stop } = await fresh(t)
  platform.registerStatus = 401
  const registering = register(config, client, host, stop.signal)
  while (platform.registrations.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  platform.registerStatus = 201
  assert.equal(await registering, true)
})

test('a device that is known already with its key is registered', async (t) => {
  const { platform, client, config, stop } = await fresh(t)
  const { uuid, key } = await ensureIdentity(config)
  platform.registerStatus = 409
  platform.devices.push({ id: 33, uuid, readableBy: [key] })
  assert.equal(await register(config, client, host, stop.signal), true)
  assert.equal(config.get().deviceId, 33)
  assert.equal(config.get().uuid, uuid)
})

test('a known device whose key is not exchanges it by the provisioning key', async (t) => {
  const { platform, client, config, stop } = await fresh(t)
  const { uuid, key } = await ensureIdentity(config)
  platform.registerStatus = 409
  platform.devices.push({ id: 33, uuid, readableBy: ['provisioning'] })
  assert.equal(await register(config, client, host, stop.signal), true)
  assert.deepEqual(platform.exchanged, [{ id: 33, apiKey: key }])
})

test('a uuid that belongs to somebody else is given up', async (t) => {
  const { platform, client, config, stop } = await fresh(t)
  const { uuid } = await ensureIdentity(config)
  platform.registerStatus = 409
  const registering = register(config, client, host, stop.signal)
  while (config.get().uuid === uuid) await new Promise((resolve) => setTimeout(resolve, 10))
  platform.registerStatus = 201
  assert.equal(await registering, true)
  assert.notEqual(platform.uuid, uuid)
})
