import assert from 'node:assert/strict'
import test from 'node:test'
import { parseOsRelease, threeNumbers } from './host/facts.ts'
import { ipAddresses } from './host/addresses.ts'
import { PullProgress } from './images.ts'
import { Rhythm } from './line.ts'
import { movedMetrics } from './metrics.ts'
import { Patience } from './patience.ts'
import { contentOf, locationOf, registryOf } from './references.ts'
import { readSettings } from './settings.ts'

test('pauses grow up to the longest, and success forgets them', () => {
  const patience = new Patience(500, () => 3000)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => patience.failed('a', 'no', 0)),
    [500, 1000, 2000, 3000, 3000],
  )
  assert.ok(patience.rests('a', 2999))
  assert.ok(!patience.rests('a', 3000))
  assert.equal(patience.next(0), 3000)
  patience.succeeded('a')
  assert.equal(patience.next(0), undefined)
})

test('pings become as seldom as the path allows, from 30 s to 5 min', () => {
  const rhythm = new Rhythm()
  const gaps = []
  for (let ping = 0; ping < 8; ping++) {
    gaps.push(rhythm.gap / 1000)
    rhythm.succeeded()
  }
  assert.equal(gaps[0], 30)
  assert.equal(gaps.at(-1), 300)
  rhythm.failed()
  assert.equal(rhythm.gap, 200_000)
  rhythm.succeeded()
  assert.equal(rhythm.gap, 200_000)
  for (let failure = 0; failure < 9; failure++) rhythm.failed()
  assert.equal(rhythm.gap, 30_000)
})

test('an image is known by its digest, whatever registry and repository name it', () => {
  assert.equal(contentOf('a.example:5000/v2/x@sha256:1'), contentOf('localhost/v2/y@sha256:1'))
  assert.equal(contentOf('a.example/v2/x'), 'v2/x:latest')
  assert.equal(locationOf('a.example:5000/v2/x@sha256:1'), 'v2/x@sha256:1')
  assert.equal(locationOf('v2/x@sha256:1'), 'v2/x@sha256:1')
  assert.equal(registryOf('a.example:5000/v2/x@sha256:1'), 'a.example:5000')
  assert.equal(registryOf('v2/x'), '')
})

test('progress of a pull never goes back and is not 100 before the end', () => {
  const progress = new PullProgress()
  const seen = []
  for (const line of [
    { id: 'a', status: 'Pulling fs layer' },
    { id: 'a', status: 'Downloading', progressDetail: { current: 50, total: 100 } },
    { id: 'b', status: 'Pulling fs layer' },
    { id: 'b', status: 'Pull complete' },
    { id: 'a', status: 'Extracting', progressDetail: { current: 1, total: 2 } },
    { id: 'a', status: 'Pull complete' },
    { status: 'Digest: sha256:1' },
  ]) {
    progress.hear(line)
    seen.push(progress.percent)
  }
  assert.deepEqual(seen, [0, 40, 40, 70, 95, 99, 99])
})

test('only metrics that moved go over the line', () => {
  const before = { memory_usage: 100, memory_total: 1000, cpu_usage: 5, cpu_temp: 40 }
  assert.equal(movedMetrics(before, { ...before, memory_usage: 110 }), undefined)
  assert.deepEqual(movedMetrics(before, { ...before, memory_usage: 130 }), { memory_usage: 130 })
})

test('os-release and versions are read in their odd forms', () => {
  assert.deepEqual(parseOsRelease('A="x y"\nB=z\n# C=1\nD="q\\"r"\nE='), {
    A: 'x y',
    B: 'z',
    D: 'q"r',
    E: '',
  })
  assert.deepEqual(['13', '1.2', '2.3.4-rc1', ''].map(threeNumbers), [
    '13.0.0',
    '1.2.0',
    '2.3.4-rc1',
    '2.0.0',
  ])
})

test('addresses of engines and tunnels are not those of the device', () => {
  const one = (address: string, changes = {}) => ({
    address,
    netmask: '',
    mac: '',
    internal: false,
    cidr: null,
    family: 'IPv4' as const,
    ...changes,
  })
  const interfaces = {
    lo: [one('127.0.0.1', { internal: true })],
    eth0: [one('192.168.1.5')],
    docker0: [one('172.17.0.1')],
    'br-0123456789ab': [one('172.18.0.1')],
    wlan0: [one('10.0.0.2')],
  }
  assert.equal(ipAddresses(interfaces as never), '192.168.1.5 10.0.0.2')
})

test('a port that is none is refused by name', () => {
  assert.throws(() => readSettings({ COPAL_LISTEN_PORT: 'x' }), /COPAL_LISTEN_PORT must be a port/)
  assert.equal(readSettings({ DOCKER_SOCKET: '/run/balena-engine.sock' }).engine, '/run/balena-engine.sock')
})
