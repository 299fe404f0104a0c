import assert from 'node:assert/strict'
import { test } from 'node:test'
import { targetState } from '@copal/wire/target-state.ts'
import { configForDevice, pollInterval, readConfig } from './config-variables.ts'
import { matches, targetOfDevice, type DeviceRow, type Fragment, type ServiceRow } from './target-state.ts'
import { v2Document } from './v2-document.ts'

const device: DeviceRow = {
  id: 20,
  uuid: 'a'.repeat(32),
  name: 'wispy-lake',
  supervisor_version: '20.0.0',
  is_frozen: false,
  config: null,
  environment: null,
  service_environment: null,
}
const service: ServiceRow = {
  id: 40,
  name: 'web',
  image_id: 60,
  location: `v2/${'0'.repeat(32)}`,
  content_hash: `sha256:${'1'.repeat(64)}`,
  contract: null,
  image_labels: null,
  service_labels: null,
  image_environment: null,
  service_environment: null,
}
const row = { id: 10, uuid: 'b'.repeat(32), name: 'myfleet', is_host: false, class: 'fleet' as const }

function target({
  on = {},
  services = [service],
  composition = {},
  ...shared
}: {
  on?: Partial<DeviceRow>
  services?: ServiceRow[]
  composition?: object
} & Partial<Fragment>) {
  const fragment = {
    config: null,
    environment: null,
    release: { id: 30, commit: 'c0ffee', composition, services },
    ...shared,
  }
  return targetOfDevice(
    { device: { ...device, ...on }, fleet: { row, fragment }, others: [] },
    'Example.test:4747',
  )
}

const web = (...args: Parameters<typeof target>) =>
  target(...args).apps[row.uuid]!.releases.c0ffee!.services.web!

test('the document passes the checks that devices make', () => {
  const document = { [device.uuid]: target({}) }
  assert.deepEqual(targetState.parse(document)[device.uuid]!.name, 'wispy-lake')
})

test('an image is named by host, repository and digest, in lower case', () => {
  assert.equal(web({}).image, `example.test:4747/v2/${'0'.repeat(32)}@sha256:${'1'.repeat(64)}`)
})

test('variables: image, then fleet, service, device, and the service on the device win', () => {
  const layers = ['image', 'fleet', 'service', 'device', 'both']
  const upTo = (layer: string) =>
    Object.fromEntries(layers.slice(layers.indexOf(layer)).map((name) => [name.toUpperCase(), layer]))
  const { environment } = web({
    services: [{ ...service, image_environment: upTo('image'), service_environment: upTo('service') }],
    environment: upTo('fleet'),
    on: {
      environment: upTo('device'),
      service_environment: [
        { service: 40, name: 'BOTH', value: 'both' },
        { service: 41, name: 'BOTH', value: 'of another service' },
      ],
    },
  })
  assert.deepEqual(environment, Object.fromEntries(layers.map((name) => [name.toUpperCase(), name]).sort()))
})

test('labels: those of the service win over those of the image; the strategy comes from config where neither sets it', () => {
  const config = { RESIN_SUPERVISOR_UPDATE_STRATEGY: 'hand-over', RESIN_SUPERVISOR_HANDOVER_TIMEOUT: '5000' }
  assert.deepEqual(
    web({
      config,
      services: [
        {
          ...service,
          image_labels: { a: 'image', b: 'image', 'io.balena.update.strategy': 'kill-then-download' },
          service_labels: { b: 'service' },
        },
      ],
    }).labels,
    {
      a: 'image',
      b: 'service',
      'io.balena.update.strategy': 'kill-then-download',
      'io.resin.update.handover-timeout': '5000',
    },
  )
  assert.equal(web({ config }).labels['io.resin.update.strategy'], 'hand-over')
})

test('a config variable spelled with BALENA_ and with RESIN_ is one variable, and every reader sees the same winner', () => {
  const winners = readConfig(
    { RESIN_SUPERVISOR_LOCAL_MODE: 'fleet', BALENA_OVERRIDE_LOCK: 'fleet balena', RESIN_X: 'fleet' },
    { RESIN_OVERRIDE_LOCK: 'device resin', BALENA_SUPERVISOR_LOCAL_MODE: 'device', RESIN_X: 'device' },
  )
  assert.deepEqual(Object.fromEntries(winners), {
    SUPERVISOR_LOCAL_MODE: 'device',
    OVERRIDE_LOCK: 'fleet balena',
    X: 'device',
  })
  const { labels } = web({ config: { BALENA_SUPERVISOR_UPDATE_STRATEGY: 'hand-over' } })
  assert.equal(labels['io.resin.update.strategy'], 'hand-over')
})

test('config: what is for screens stays out, and the poll interval is always there and never below its floor', () => {
  const config = (variables: Record<string, string>) => configForDevice(readConfig(variables, {}))
  assert.deepEqual(
    config({ RESIN_UI_X: '1', RESIN_HOST_LOG_TO_DISPLAY: '0', BALENA_HOST_CONFIG_gpu_mem: '32' }),
    {
      RESIN_HOST_CONFIG_gpu_mem: '32',
      RESIN_SUPERVISOR_POLL_INTERVAL: '900000',
    },
  )
  assert.equal(config({ BALENA_SUPERVISOR_POLL_INTERVAL: '10' }).RESIN_SUPERVISOR_POLL_INTERVAL, '600000')
  assert.equal(pollInterval(readConfig({ RESIN_SUPERVISOR_POLL_INTERVAL: 'soon' }, {})), 900_000)
})

test('one name that devices would refuse costs that name, not the document', () => {
  const { environment, labels } = web({
    environment: { 'NOT-A-NAME': 'x', OK: 'y' },
    services: [{ ...service, image_labels: { 'with space': 'x', "qu'ote": 'x', 'ok.label-1': 'y' } }],
  })
  assert.deepEqual(environment, { OK: 'y' })
  assert.deepEqual(labels, { 'ok.label-1': 'y' })
})

test('the composition comes without `build`; a genuine supervisor gets dependencies as a list, ours gets the whole', () => {
  const composition = {
    services: {
      web: {
        build: '.',
        restart: 'always',
        depends_on: { db: { condition: 'service_healthy' } },
        deploy: {},
      },
    },
    volumes: { data: {} },
    networks: null,
  }
  assert.deepEqual(web({ composition }).composition, {
    restart: 'always',
    depends_on: { db: { condition: 'service_healthy' } },
    deploy: {},
  })
  assert.deepEqual(web({ composition, on: { supervisor_version: '19.0.5' } }).composition, {
    restart: 'always',
    depends_on: ['db'],
  })
  const release = target({ composition }).apps[row.uuid]!.releases.c0ffee!
  assert.deepEqual(Object.keys(release), ['id', 'services', 'volumes'])
})

test('a fleet with nothing to run is there without releases, and a release without services has none', () => {
  assert.deepEqual(target({ release: null }).apps, {
    [row.uuid]: { id: 10, name: 'myfleet', is_host: false, class: 'fleet' },
  })
  assert.deepEqual(target({ services: [] }).apps[row.uuid]!.releases.c0ffee, { id: 30 })
})

test('supervisor and host OS stand beside the fleet, without the variables of the device', () => {
  const host = { id: 12, uuid: 'e'.repeat(32), name: 'os', is_host: true, class: 'app' as const }
  const fragment = {
    config: null,
    environment: null,
    release: { id: 32, commit: 'd00d', composition: null, services: [{ ...service, name: 'hostapp' }] },
  }
  const { apps } = targetOfDevice(
    {
      device: { ...device, environment: { SECRET: 'x' } },
      fleet: { row, fragment: { ...fragment, release: null } },
      others: [{ row: host, fragment }],
    },
    'example.test',
  )
  const { hostapp } = apps[host.uuid]!.releases.d00d!.services
  assert.deepEqual(hostapp!.labels, { 'io.balena.image.store': 'root' })
  assert.deepEqual(hostapp!.environment, {})
  assert.equal(apps[host.uuid]!.is_host, true)
})

test('rows in another order give the same text, so that the ETag holds', () => {
  const labels = { b: '1', a: '2' }
  const db = { ...service, id: 41, name: 'db' }
  const one = target({
    services: [{ ...service, image_labels: labels }, db],
    environment: { B: '1', A: '2' },
  })
  const other = target({
    services: [db, { ...service, image_labels: { a: '2', b: '1' } }],
    environment: { A: '2', B: '1' },
  })
  assert.equal(JSON.stringify(one), JSON.stringify(other))
})

test('If-None-Match may name several ETags, weak or strong', () => {
  assert.equal(matches('"x", W/"y"', '"y"'), true)
  assert.equal(matches('"x"', '"y"'), false)
  assert.equal(matches(undefined, '"y"'), false)
})

test('the older document lists services by id, with the composition spread among their fields', () => {
  const whole = target({ composition: { services: { web: { restart: 'no' } }, volumes: { data: {} } } })
  const document = v2Document(whole, whole.apps[row.uuid])
  const app = document.local.apps[10]!
  assert.equal(app.commit, 'c0ffee')
  assert.equal(app.releaseId, 30)
  assert.deepEqual(app.volumes, { data: {} })
  assert.deepEqual(
    { ...app.services[40], image: undefined },
    {
      restart: 'no',
      imageId: 60,
      serviceName: 'web',
      image: undefined,
      running: true,
      environment: {},
      labels: {},
    },
  )
  assert.deepEqual(document.dependent, { apps: {}, devices: {} })
})
