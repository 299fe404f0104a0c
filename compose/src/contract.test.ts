import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, written } from '../testing/projects.ts'

test('a contract is kept whole, whatever it names', async () => {
  const { contract, version, warnings } = await read(fixture('contract'))
  assert.equal(version, '1.2.3')
  assert.deepEqual(contract, {
    name: 'kiosk',
    type: 'sw.application',
    version: '1.2.3',
    description: 'A kiosk.',
    data: {
      defaultDeviceType: 'raspberrypi4-64',
      supportedDeviceTypes: ['raspberrypi4-64', 'generic-x86-64-ext'],
    },
  })
  assert.deepEqual(warnings, [])
})

test('a version that is none is passed over with a warning, all else is kept', async () => {
  const { contract, version, warnings } = await read(fixture('contract-variables'))
  assert.equal(version, undefined)
  assert.equal(contract!['version'], '2024.01.02')
  assert.deepEqual((contract!['data'] as Record<string, unknown>)['applicationEnvironmentVariables'], [
    { PORT: 80 },
    { EMPTY: null },
    { FLAG: true },
    { ADDRESS: 17476 },
    'plain',
  ])
  assert.match(warnings[0]!.text, /the version 2024\.01\.02 is not of the form 1\.2\.3/)
  assert.equal(warnings[0]!.line, 3)
})

test('a contract that is no YAML refuses nothing', async () => {
  for (const text of ['{', 'a: 1\na: 2\n', '- list', '']) {
    const { contract, warnings } = await read(written({ Dockerfile: 'FROM scratch', 'balena.yml': text }))
    assert.equal(contract, null)
    assert.match(warnings[0]!.text, /^balena\.yml is passed over: /)
  }
})

test("a service's contract is its file and what its labels require", async () => {
  const { services } = await read(fixture('labels-that-require'))
  assert.deepEqual(services[0]!.contract, {
    name: 'Web',
    slug: 'the web',
    type: 'sw.container',
    requires: [
      { type: 'arch.sw', slug: 'aarch64' },
      { type: 'hw.device-type', slug: 'jetson-nano' },
      { type: 'sw.l4t', version: '>=32' },
    ],
  })
})

test('labels alone make a contract, in the words that devices know', async () => {
  const label = (name: string) => `io.balena.features.requires.${name}: '>=6'`
  const text = `services: { web: { image: a, labels: { ${['sw.balena-os', 'sw.linux', 'sw.more'].map(label).join(', ')} } } }`
  const { services, warnings } = await read(written({ 'docker-compose.yml': text }))
  assert.deepEqual(services[0]!.contract, {
    type: 'sw.container',
    slug: 'contract-for-web',
    requires: [
      { or: [{ type: 'sw.os', slug: 'balena-os', version: '>=6' }] },
      { or: [{ type: 'sw.kernel', slug: 'linux', version: '>=6' }] },
    ],
  })
  assert.match(warnings[0]!.text, /sw\.more is not known/)
})

test('1, "1" and true switch a feature on, from a map and from a list', async () => {
  const map = await read(fixture('feature-labels'))
  assert.deepEqual(Object.values(map.services[0]!.labels), ['1', '1', '1'])
  const list = await read(fixture('labels-as-list'))
  assert.deepEqual(list.services[0]!.labels, {
    'io.balena.features.dbus': '1',
    'io.balena.features.sysfs': '1',
    'some.name': '',
  })
  const old = await read(fixture('labels-old-names'))
  assert.deepEqual(old.services[0]!.labels, { 'io.resin.features.balena-socket': '1' })
})

test('labels of others reach the container as they are', async () => {
  const { services } = await read(fixture('labels-of-others'))
  assert.deepEqual(services[0]!.labels, {
    'traefik.enable': 'true',
    'traefik.http.routers.web.rule': 'Host(`kiosk.example`) && PathPrefix(`/$v`)',
  })
})
