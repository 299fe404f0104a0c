import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUser } from '../accounts/create-user.ts'
import { testDevice, testFleet, testRelease } from '../devices/test-fleet.ts'
import { testServer } from '../test-server.ts'

test('a fleet hands out a config.json with which a device can register', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const config = await server.call('POST', '/download-config', {
    network: 'wifi',
    wifiSsid: 'net',
    wifiKey: 'pw',
    appUpdatePollInterval: 10,
    version: '6.0.0',
    developmentMode: true,
    deviceType: 'genericx86-64-ext',
    appId: fleet.id,
  })
  assert.equal(config.apiEndpoint, server.ctx.config.url)
  assert.equal(config.registryEndpoint, server.ctx.config.registryHost)
  assert.equal(config.appUpdatePollInterval, 600_000)
  assert.equal(config.deviceType, 'genericx86-64-ext')
  assert.deepEqual([config.wifiSsid, config.wifiKey, config.developmentMode], ['net', 'pw', true])
  assert.equal(Buffer.from(config.balenaRootCA, 'base64').toString(), server.ctx.keys.ca.certificate)
  const device = await testDevice(server, { ...fleet, provisioningKey: config.apiKey })
  assert.ok(device.id > 0)
})

test('a device on the same machine is told the internal name of the platform', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const config = await server.call('POST', '/download-config', {
    appId: fleet.id,
    version: '1',
    internal: true,
  })
  const { internalName, port } = server.ctx.config
  assert.equal(config.apiEndpoint, `https://${internalName}:${port}`)
  assert.equal(config.registryEndpoint, `${internalName}:${port}`)
  assert.equal(config.appUpdatePollInterval, 60_000)
  assert.ok(!('wifiSsid' in config) && !('developmentMode' in config))
})

test('a config is refused with the words of the wire, and to strangers as if the fleet were not there', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const refused = (body: object, says: RegExp, token?: string) =>
    assert.rejects(server.call('POST', '/download-config', body, token), says)
  await refused({ version: '1' }, /400.*An appId is required\./)
  await refused({ appId: fleet.id }, /400.*A version is required\./)
  await refused({ appId: fleet.id, version: '1', deviceType: 'nonsense' }, /400.*nonsense/)
  await refused({ appId: 999, version: '1' }, /404/)
  await refused({ appId: fleet.id, version: '1' }, /401/, fleet.provisioningKey)
  await createUser(server.ctx, { username: 'mallory', email: 'm@example.test', password: 'battery staple' })
  const login = { username: 'mallory', password: 'battery staple' }
  const token = await server.call('POST', '/login_', login)
  await refused({ appId: fleet.id, version: '1' }, /404/, token)
  await refused({ appId: fleet.id, version: '1', deviceType: 'raspberrypi3' }, /404/, token)
  const keys = await server.ctx.db.sql`select 1 from api_key where name like 'Automatically%'`
  assert.equal(keys.length, 0)
})

test('device types are listed for everybody, each under its slug and its aliases', async () => {
  await using server = await testServer()
  const list = (await (await fetch(`${server.url}/device-types/v1`)).json()) as {
    slug: string
    arch: string
    aliases: string[]
  }[]
  assert.ok(list.length > 100)
  const architectures: Record<string, string> = {
    'raspberry-pi': 'rpi',
    raspberrypi3: 'armv7hf',
    'raspberrypi4-64': 'aarch64',
    'intel-nuc': 'amd64',
    qemux86: 'i386',
  }
  for (const [slug, arch] of Object.entries(architectures)) {
    const type = list.find((each) => each.slug === slug)
    assert.equal(type?.arch, arch, slug)
    assert.ok(type!.aliases.includes(slug))
  }
  const slugs = list.flatMap(({ slug, aliases }) => [...new Set([slug, ...aliases])])
  assert.equal(new Set(slugs).size, slugs.length, 'no slug or alias means two types')
  const byAlias = (await (await fetch(`${server.url}/device-types/v1/raspberrypi`)).json()) as {
    slug: string
  }
  assert.equal(byAlias.slug, 'raspberry-pi')
  assert.equal((await fetch(`${server.url}/device-types/v1/nonsense`)).status, 404)
})

test('clients are told which names are configuration', async () => {
  await using server = await testServer()
  const vars = (await (await fetch(`${server.url}/config/vars?deviceType=raspberrypi3`)).json()) as any
  assert.deepEqual(vars.reservedNamespaces, ['RESIN_', 'BALENA_'])
  assert.equal(vars.invalidRegex, '/^\\d|\\W/')
  assert.equal(vars.configVarInvalidRegex, '/^[\\d:]|[^A-Za-z0-9_:]/')
  assert.ok(vars.whiteListedNames.includes('BALENA_SUPERVISOR_POLL_INTERVAL'))
  assert.equal(((await (await fetch(`${server.url}/config`)).json()) as any).gitServerUrl, '127.0.0.1')
})

test('a fleet that is removed takes its keys with it, and its devices open nothing any more', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  await server.call('GET', '/actor/v1/whoami', undefined, device.key)
  await server.call('DELETE', `/v7/application(${fleet.id})`)
  for (const key of [device.key, fleet.provisioningKey])
    await assert.rejects(server.call('GET', '/actor/v1/whoami', undefined, key), /401/)
  assert.equal((await server.call('GET', '/v7/device/$count')).d, 0)
})

test("a fleet's device type changes within one processor architecture only", async () => {
  await using server = await testServer()
  const fleet = await testFleet(server, { type: 'raspberrypi4-64' })
  const type = async (slug: string) =>
    (await server.call('GET', `/v7/device_type(slug='${slug}')?$select=id`)).d[0].id
  const change = async (slug: string) =>
    server.call('PATCH', `/v7/application(${fleet.id})`, { is_for__device_type: await type(slug) })
  await change('raspberrypi5')
  await assert.rejects(change('raspberrypi3'), /should be of the same cpu architecture/)
})

test('changes of a fleet and of variables are told to those who tell devices', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const heard: string[] = []
  server.ctx.events.on('target', ({ topic: _, ...about }) => heard.push(JSON.stringify(about)))
  const told = async (about: object, change: () => Promise<unknown>) => {
    heard.length = 0
    await change()
    for (let i = 0; i < 100 && heard.length === 0; i++) await new Promise((done) => setTimeout(done, 10))
    assert.deepEqual(heard, [JSON.stringify(about)])
  }
  const application = fleet.id
  const variable = { name: 'A', value: 'b' }
  await told({ application }, () =>
    server.call('PATCH', `/v7/application(${application})`, { app_name: 'renamed' }),
  )
  await told({ application }, () =>
    server.call('POST', '/v7/application_environment_variable', { application, ...variable }),
  )
  await told({ application }, () =>
    server.call('PATCH', '/v7/application_environment_variable(1)', { value: 'c' }),
  )
  await told({ application }, () => server.call('DELETE', '/v7/application_environment_variable(1)'))
  const service = release.services.main!.id
  await told({ application }, () =>
    server.call('POST', '/v7/service_environment_variable', { service, ...variable }),
  )
  await told({ device: device.id }, () =>
    server.call('POST', '/v7/device_environment_variable', { device: device.id, ...variable }),
  )
  const [install] = (await server.call('GET', `/v7/service_install?$filter=device eq ${device.id}`)).d
  await told({ device: device.id }, () =>
    server.call('POST', '/v7/device_service_environment_variable', {
      service_install: install.id,
      ...variable,
    }),
  )
})
