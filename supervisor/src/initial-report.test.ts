import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import test, { type TestContext } from 'node:test'
import type { Device } from './device.ts'
import { initialConfig } from './host/initial-config.ts'
import { tellInitialConfig } from './initial-report.ts'
import { Platform } from './platform.ts'
import { TestPlatform } from './testing/platform.ts'

const asked = {
  appUpdatePollInterval: 600_000,
  persistentLogging: true,
  initialDeviceName: 'kiosk',
  deviceId: 20,
  bootstrapRetryDelay: 10,
}

async function firstBoot(t: TestContext, target: Record<string, string> = {}) {
  const state = await mkdtemp(`${tmpdir()}/copal-initial-`)
  const platform = await TestPlatform.start()
  platform.knows('u1', 'k1')
  platform.setTarget({}, target)
  const client = new Platform(platform.endpoint, 'k1')
  t.after(async () => {
    client.close()
    await platform.down()
    await rm(state, { recursive: true })
  })
  const device = { uuid: 'u1', platform: client, config: { get: () => asked }, settings: { state } }
  const boot = () => tellInitialConfig(device as unknown as Device, new AbortController().signal)
  const told = () =>
    platform.written.map(({ request, body }) => `${request} ${body['name'] ?? body['device_name']}`)
  return { platform, boot, told }
}

const poll = 'POST /v7/device_config_variable RESIN_SUPERVISOR_POLL_INTERVAL'
const logging = 'POST /v7/device_config_variable RESIN_SUPERVISOR_PERSISTENT_LOGGING'
const name = 'PATCH /v7/device(20) kiosk'

test('at its first boot a device stores how it is set, unless its target says it, and tells its name; once', async (t) => {
  const { platform, boot, told } = await firstBoot(t, { BALENA_SUPERVISOR_POLL_INTERVAL: '900000' })
  await boot()
  assert.deepEqual(told(), [logging, name])
  assert.deepEqual(platform.written[0]?.body, {
    device: 20,
    name: 'RESIN_SUPERVISOR_PERSISTENT_LOGGING',
    value: 'true',
  })
  await boot()
  assert.equal(told().length, 2)
})

test('a variable that exists already, or that the platform refuses, holds nothing up', async (t) => {
  const { platform, boot, told } = await firstBoot(t)
  platform.writeStatus.push(409, 400)
  await boot()
  assert.deepEqual(told(), [poll, logging, name])
})

test('after a failure the procedure goes on after the step that was answered', async (t) => {
  const { platform, boot, told } = await firstBoot(t)
  platform.writeStatus.push(201, 500)
  await boot()
  assert.deepEqual(told(), [poll, logging, logging, name])
})

test('a device that is set as all are has nothing to tell', () => {
  assert.deepEqual(initialConfig({ appUpdatePollInterval: '900000' }), {})
})
