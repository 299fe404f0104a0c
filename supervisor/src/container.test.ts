import assert from 'node:assert/strict'
import test from 'node:test'
import { bytesOf, secondsOf } from './amounts.ts'
import { containerSpec, endpointsOf, type Surroundings } from './container.ts'
import { portsOf } from './ports.ts'
import { wanted, type SceneService } from './testing/scene.ts'
import { splitWords } from './words.ts'

const around: Surroundings = {
  uuid: 'u1',
  deviceName: 'wispy-lake',
  deviceType: 'virtual',
  arch: 'amd64',
  osVersion: 'CopalOS 1.0.0',
  apiEndpoint: 'https://api.example',
  deviceKey: 'secret',
  engineSocket: '/run/docker.sock',
  exists: (path) => path !== '/run/log/journal',
  namespace: '',
}

function specOf(service: SceneService, changes: Partial<Surroundings> = {}) {
  const [app] = wanted('c1', { web: service }, { networks: { back: {} } })
  assert.ok(app?.services[0])
  return containerSpec(
    app,
    app.services[0],
    { ...around, ...changes },
    { image: 'sha256:key', sharedWith: 'other' },
  )
}

test('name, image and labels are those of the contract', () => {
  const spec = specOf({ labels: { 'io.resin.old': '1', mine: 'x' } })
  assert.equal(spec.name, 'web_60_30_c1')
  assert.equal(spec.Image, 'sha256:key')
  const { 'io.copal.config': _digest, ...labels } = spec.Labels ?? {}
  assert.deepEqual(labels, {
    'io.balena.old': '1',
    mine: 'x',
    'io.balena.supervised': 'true',
    'io.balena.app-id': '10',
    'io.balena.app-uuid': 'b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0',
    'io.balena.service-id': '40',
    'io.balena.service-name': 'web',
    'io.copal.commit': 'c1',
    'io.copal.image': 'v2/web1@sha256:web1',
  })
})

test("the target's environment wins over the composition's, and both over what every app gets", () => {
  const spec = specOf({
    composition: { environment: { A: 'composed', B: 'composed', USER: 'me' } },
    environment: { A: 'target' },
  })
  const env = Object.fromEntries((spec.Env ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2)))
  assert.equal(env['A'], 'target')
  assert.equal(env['B'], 'composed')
  assert.equal(env['USER'], 'me')
  assert.equal(env['BALENA_SERVICE_NAME'], 'web')
  assert.equal(env['RESIN_DEVICE_UUID'], 'u1')
  assert.equal(env['BALENA'], '1')
  assert.equal(env['BALENA_APP_LOCK_PATH'], '/tmp/balena/updates.lock')
})

test('volumes, lock folders and restart are as the contract says; folders of the host are dropped', () => {
  const { HostConfig } = specOf({ composition: { volumes: ['data:/data:ro', '/etc:/host', './x:/x'] } })
  assert.deepEqual(HostConfig?.Binds, [
    '10_data:/data:ro',
    '/tmp/balena-supervisor/services/10/web:/tmp/balena',
    '/tmp/balena-supervisor/services/10/web:/tmp/resin',
  ])
  assert.deepEqual(HostConfig?.RestartPolicy, { Name: 'always', MaximumRetryCount: 0 })
})

test('features bind only what the host has', () => {
  const labels = {
    'io.balena.features.dbus': '1',
    'io.balena.features.journal-logs': 'true',
    'io.balena.features.sysfs': '0',
    'io.balena.features.balena-socket': '1',
  }
  const spec = specOf({ labels })
  const binds = spec.HostConfig?.Binds?.slice(2)
  assert.deepEqual(binds, [
    '/run/dbus:/host/run/dbus',
    '/var/log/journal:/var/log/journal:ro',
    '/etc/machine-id:/etc/machine-id:ro',
    '/run/docker.sock:/host/run/balena-engine.sock',
    '/run/docker.sock:/run/docker.sock',
    '/run/docker.sock:/var/run/balena.sock',
  ])
  assert.ok(spec.Env?.includes('DOCKER_HOST=unix:///host/run/balena-engine.sock'))
})

test('the key of the device is given only to those that ask for it', () => {
  assert.ok(!JSON.stringify(specOf({})).includes('secret'))
  const spec = specOf({ labels: { 'io.balena.features.balena-api': '1' } })
  assert.ok(spec.Env?.includes('BALENA_API_KEY=secret'))
  assert.ok(spec.Env?.includes('RESIN_API_URL=https://api.example'))
})

test('networks carry the name of the service and what compose says of it', () => {
  const composition = { networks: { default: {}, back: { aliases: ['db'], ipv4_address: '10.1.0.5' } } }
  const [app] = wanted('c1', { web: { composition } }, { networks: { back: {} } })
  assert.ok(app?.services[0])
  assert.deepEqual(endpointsOf(app, app.services[0]), [
    [`${app.uuid}_default`, { Aliases: ['web'] }],
    [`${app.uuid}_back`, { Aliases: ['web', 'db'], IPAMConfig: { IPv4Address: '10.1.0.5' } }],
  ])
  const spec = specOf({ composition })
  assert.equal(spec.HostConfig?.NetworkMode, `${app.uuid}_default`)
  assert.deepEqual(Object.keys(spec.NetworkingConfig?.EndpointsConfig ?? {}), [`${app.uuid}_default`])
})

test('the network of another service is shared by its container', () => {
  const spec = specOf({ composition: { network_mode: 'service:vpn' } })
  assert.equal(spec.HostConfig?.NetworkMode, 'container:other')
  assert.equal(spec.NetworkingConfig, undefined)
})

test('limits, health check and the rest are put in the words of the engine', () => {
  const spec = specOf({
    composition: {
      command: 'run --name "two words"',
      healthcheck: { test: 'curl localhost', interval: '1m30s', retries: 3 },
      mem_limit: '64m',
      cpus: '0.5',
      devices: ['/dev/ttyS0', '/dev/a:/dev/b:r'],
      ulimits: { nofile: { soft: 10, hard: 20 }, nproc: 5 },
      stop_grace_period: '1500ms',
      tty: false,
      privileged: true,
      tmpfs: ['/run', '/tmp:size=64m'],
      'x-copal': { gpus: 'all' },
    },
  })
  assert.deepEqual(spec.Cmd, ['run', '--name', 'two words'])
  assert.deepEqual(spec.Healthcheck, { Test: ['CMD-SHELL', 'curl localhost'], Interval: 90e9, Retries: 3 })
  assert.equal(spec.StopTimeout, 2)
  assert.equal(spec.Tty, false)
  const host = spec.HostConfig ?? {}
  assert.equal(host.Memory, 64 * 2 ** 20)
  assert.equal(host.NanoCpus, 5e8)
  assert.equal(host.Privileged, true)
  assert.deepEqual(host.Devices?.[1], {
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/b',
    CgroupPermissions: 'r',
  })
  assert.deepEqual(host.Ulimits, [
    { Name: 'nofile', Soft: 10, Hard: 20 },
    { Name: 'nproc', Soft: 5, Hard: 5 },
  ])
  assert.deepEqual(host.Tmpfs, { '/run': '', '/tmp': 'size=64m' })
  assert.deepEqual(host.DeviceRequests, [{ Count: -1, Capabilities: [['gpu']] }])
})

test('a command is split like words of a shell, and nothing in it is run', () => {
  assert.deepEqual(splitWords('sh -c "echo $X > f"'), ['sh', '-c', 'echo $X > f'])
  assert.deepEqual(splitWords(`a 'b "c"' "d \\"e\\" \\n" f\\ g '' *`), [
    'a',
    'b "c"',
    'd "e" \\n',
    'f g',
    '',
    '*',
  ])
})

test('ports are read in all their forms', () => {
  assert.deepEqual(
    portsOf(['80', '8080:81/udp', '127.0.0.1:82:82', '[::1]:83:83', '90-91:190-191', 'nonsense']),
    {
      exposed: { '80/tcp': {}, '81/udp': {}, '82/tcp': {}, '83/tcp': {}, '190/tcp': {}, '191/tcp': {} },
      bindings: {
        '80/tcp': [{ HostPort: '' }],
        '81/udp': [{ HostPort: '8080' }],
        '82/tcp': [{ HostIp: '127.0.0.1', HostPort: '82' }],
        '83/tcp': [{ HostIp: '::1', HostPort: '83' }],
        '190/tcp': [{ HostPort: '90' }],
        '191/tcp': [{ HostPort: '91' }],
      },
    },
  )
})

test('sizes and durations are read as compose writes them', () => {
  assert.deepEqual(
    [bytesOf('1.5g'), bytesOf('64kb'), bytesOf(7), bytesOf('x')],
    [1.5 * 2 ** 30, 65_536, 7, undefined],
  )
  assert.deepEqual(
    [secondsOf('1m30s'), secondsOf('10'), secondsOf('2x'), secondsOf('')],
    [90, 10, undefined, undefined],
  )
})
