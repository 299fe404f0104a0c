import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, readCompose } from '../testing/projects.ts'

const service = async (name: string, of: string) => (await read(fixture(name))).composition.services[of]!

test('a version of any spelling is passed over', async () => {
  for (const version of ['2', "'2'", '2.0', '2.1', "'2.4'", "'3.8'"]) {
    const { composition } = await readCompose(`version: ${version}\nservices: { web: { image: a } }`)
    assert.deepEqual(composition, { services: { web: { image: 'a' } }, networks: {}, volumes: {} })
  }
})

test('a context may be written ./dir, dir or a dot', async () => {
  const { composition, services } = await read(fixture('build-in-three-spellings'))
  const contexts = Object.values(composition.services).map(({ build }) => build!.context)
  assert.deepEqual(contexts, ['web', 'worker', '.'])
  assert.deepEqual(
    services.map(({ build }) => build!.context),
    ['web', 'worker', ''],
  )
})

test('unquoted ports and restart keep what their author wrote', async () => {
  const web = await service('privileged-restart-ports', 'web')
  assert.deepEqual(web['ports'], ['80:8080', '22:22', '53:53/udp', '9000'])
  assert.equal(web['restart'], 'always')
  assert.equal(web['privileged'], true)
})

test('volumes without options are empty maps, one service may hold one twice', async () => {
  const { composition } = await read(fixture('named-volumes'))
  assert.deepEqual(composition.volumes, { 'some-data': {}, 'more-data': {}, 'local-data': {}, unused: {} })
  assert.deepEqual(composition.services['web']!.volumes, [
    'some-data:/data',
    'more-data:/more:ro',
    'local-data:/local',
    'local-data:/again',
  ])
})

test('an environment becomes text, as it was written, from a map and from a list', async () => {
  const map = await service('environment-map-and-list', 'map')
  assert.deepEqual(map.environment, {
    PORT: '8080',
    VERSION: '1.10',
    EMPTY: '',
    DEBUG: 'false',
    TITLE: 'two words',
  })
  const list = await service('environment-map-and-list', 'list')
  assert.deepEqual(list.environment, {
    PORT: '8080',
    EMPTY: '',
    BARE: '',
    QUOTED: '"x"',
    URL: 'http://a/?b=c',
  })
})

test('a name without a value takes that of a build variable', async () => {
  const { services } = await readCompose('services: { web: { image: a, environment: [TOKEN] } }', {
    buildVariables: { TOKEN: 't' },
  })
  assert.deepEqual(services[0]!.environment, { TOKEN: 't' })
})

test('an image beside a build is a name for the result, never something to pull', async () => {
  const { services, warnings } = await read(fixture('image-beside-build'))
  assert.equal(services[0]!.image, undefined)
  assert.ok(services[0]!.build)
  assert.deepEqual(
    warnings.map(({ text, line, service: of }) => [text.split(':')[0], line, of]),
    [
      ['container_name is dropped', 6, 'proxy'],
      ['expose is dropped', 7, 'proxy'],
    ],
  )
})

test('devices get dependencies as a plain list; finer conditions stand beside it, with a warning', async () => {
  const { composition, warnings } = await read(fixture('dependency-conditions'))
  const { depends_on, 'x-copal': ours } = composition.services['web']!
  assert.deepEqual(depends_on, ['db', 'setup', 'log'])
  assert.deepEqual(ours!.depends_on, {
    db: { condition: 'service_healthy' },
    setup: { condition: 'service_completed_successfully' },
  })
  assert.match(warnings[0]!.text, /waits for db by service_healthy where Copal's own supervisor runs/)
})

test('a project cannot write what is ours', async () => {
  const { composition } = await readCompose(
    'services: { web: { image: a, x-copal: { gpus: all }, x-other: 1 } }',
  )
  assert.deepEqual(composition.services['web'], { image: 'a' })
})

test('requests for GPUs are kept for our supervisor, in both spellings', async () => {
  const short = await readCompose('services: { web: { image: a, gpus: all } }')
  assert.equal(short.composition.services['web']!['x-copal']!.gpus, 'all')
  const deploy = 'deploy: { resources: { reservations: { devices: [{ capabilities: [gpu], count: 1 }] } } }'
  const long = await readCompose(`services: { web: { image: a, ${deploy} } }`)
  assert.deepEqual(long.composition.services['web']!['x-copal']!.gpus, [{ capabilities: ['gpu'], count: 1 }])
  await assert.rejects(
    readCompose('services: { web: { image: a, deploy: { replicas: 2 } } }'),
    /cannot use services.web.deploy.replicas/,
  )
})

test('known paths of the host become the features that give them', async () => {
  const { composition, services } = await read(fixture('host-paths-that-are-features'))
  assert.deepEqual(composition.services['web']!.volumes, [])
  assert.deepEqual(services[0]!.labels, {
    'io.balena.features.balena-socket': '1',
    'io.balena.features.dbus': '1',
    'io.balena.features.kernel-modules': '1',
  })
})

test('long forms become short ones', async () => {
  const { composition } = await readCompose(`
volumes: { data: }
services:
  web:
    image: a
    ports: [{ target: 80, published: "8080", protocol: udp, host_ip: 127.0.0.1 }, { target: 81 }]
    volumes: [{ type: volume, source: data, target: /data, read_only: true }, { type: tmpfs, target: /tmp }]
    devices: [{ source: /dev/a, target: /dev/b, permissions: r }]
    extra_hosts: { a: 10.0.0.1 }
    tmpfs: /run
    dns: 1.1.1.1
    networks: { back: { aliases: [w], ipv4_address: 10.1.0.2, priority: 3 } }
networks: { back: }`)
  assert.deepEqual(composition.services['web'], {
    image: 'a',
    ports: ['127.0.0.1:8080:80/udp', '81'],
    volumes: ['data:/data:ro'],
    devices: ['/dev/a:/dev/b:r'],
    extra_hosts: ['a:10.0.0.1'],
    tmpfs: ['/run', '/tmp'],
    dns: ['1.1.1.1'],
    networks: { back: { aliases: ['w'], ipv4_address: '10.1.0.2' } },
  })
})

test('what has no effect is no fault', async () => {
  await readCompose(
    'services: { web: { image: a, network_mode: host, ports: ["80:80"], privileged: true, cap_add: [NET_ADMIN] } }',
  )
})

test('a service with profiles is left out, and said so', async () => {
  const { services, warnings } = await readCompose(
    'services: { web: { image: a }, debug: { image: b, profiles: [debug] } }',
  )
  assert.deepEqual(
    services.map(({ name }) => name),
    ['web'],
  )
  assert.match(warnings[0]!.text, /profiles/)
})

const refusedServices: Record<string, RegExp> = {
  'secrets: [a]': /services\.web\.secrets \(docker-compose\.yml, line 4, service web\)/,
  'blkio_config: {}': /blkio_config/,
  'platform: linux/amd64': /the platform is that of the fleet/,
  'links: [db]': /services\.web\.links/,
  'comand: ls': /no such key of a service · is it spelt right/,
  'network_mode: container:x': /name a service/,
  'network_mode: service:db': /there is no db under services/,
  'pid: container:x': /services\.web\.pid/,
  'ipc: service:x': /services\.web\.ipc/,
  'security_opt: [label=disable]': /no-new-privileges/,
  'pids_limit: -1': /must not be negative/,
  'depends_on: [db]': /there is no db under services/,
  'depends_on: { web: { condition: never } }': /never is none of/,
  'depends_on: { web: { required: false } }': /every service of a release runs/,
  'depends_on: [web]': /circle: web → web/,
  'devices: [vendor.com/gpu=all]': /path of a device node/,
  'volumes: [/data]': /has no name/,
  'volumes: [/srv:/data]': /would be a folder of the device/,
  'volumes: [data:/data]': /there is no data under volumes/,
  'volumes: [{ type: image, source: a, target: /a }]': /not mounts of type image/,
  'volumes: [{ type: volume, source: a, target: /a, volume: { nocopy: true } }]': /no options of a mount/,
  'networks: { default: { link_local_ips: [169.254.1.1] } }': /link-local/,
  'networks: [back]': /there is no back under networks/,
  'restart: sometimes': /sometimes is none of/,
  'privileged: maybe': /must be true or false/,
  'ports: [web]': /web is no port/,
  'environment: { a b: c }': /no name of a variable/,
  'labels: { "a b": c }': /printable ASCII/,
  'extends: { service: db }': /use an anchor/,
  'build: { context: ., ssh: [default] }': /services\.web\.build\.ssh/,
  'build: { context: ., dockerfile_inline: FROM a }': /platform decides/,
  'build: https://example.org/a.git': /not a remote repository/,
  'build: ../up': /outside of what was pushed/,
  'healthcheck: { tests: a }': /no such key here/,
}

for (const [written, sentence] of Object.entries(refusedServices)) {
  test(`a service is refused with ${written}`, async () => {
    await assert.rejects(readCompose(`services:\n  web:\n    image: a\n    ${written}\n`), (error: Error) => {
      assert.equal(error.name, 'ProjectError')
      assert.match(error.message, /^cannot /)
      assert.match(error.message, sentence)
      return true
    })
  })
}

const refusedFiles: Record<string, RegExp> = {
  '': /must be a map/,
  'services:': /it has no services/,
  'services: { web: }': /it is empty/,
  'services: { web: { restart: no } }': /neither build nor image/,
  'services: { "a b": { image: a } }': /the name "a b"/,
  'services: { web: { image: "A b" } }': /cannot pull A b/,
  'servces: {}': /no such key at the top/,
  'secrets: {}\nservices: { web: { image: a } }': /cannot use secrets \(docker-compose\.yml, line 1\)/,
  'include: [a]\nservices: { web: { image: a } }': /other compose files are not read/,
  'services: { web: { image: a } }\nvolumes: { a: { external: true } }':
    /volumes\.a\.external \(docker-compose\.yml, line 2\)/,
  'services: { web: { image: a } }\nvolumes: { a: { driver: nfs } }': /volumes\.a\.driver/,
  'services: { web: { image: a } }\nnetworks: { a: { attachable: true } }': /networks\.a\.attachable/,
  'services: { web: { image: a } }\nnetworks: { a: { driver: macvlan } }': /bridge/,
  'services: { web: { image: a } }\nnetworks: { a: { enable_ipv6: true } }': /enable_ipv6/,
  'services: { web: { image: a } }\nnetworks: { a: { ipam: { config: [{ aux_addresses: {} }] } } }':
    /aux_addresses/,
  'services: { web: { image: a, depends_on: [b] }, b: { image: a, depends_on: [web] } }':
    /circle: web → b → web/,
}

for (const [written, sentence] of Object.entries(refusedFiles)) {
  test(`a compose file is refused: ${JSON.stringify(written)}`, async () => {
    await assert.rejects(readCompose(written), sentence)
  })
}
