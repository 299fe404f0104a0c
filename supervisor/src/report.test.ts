import assert from 'node:assert/strict'
import test from 'node:test'
import { describe, type Doings } from './describe.ts'
import { difference, kindOf } from './report.ts'
import { app, container, facts, images, reached, wanted } from './testing/scene.ts'

const doings = (changes: Partial<Doings> = {}): Doings => ({
  progressOf: () => undefined,
  doing: new Map(),
  running: {},
  now: 1_000_000,
  ...changes,
})
const noted = (commit: string) => ({ [app]: { commit, services: { web: 'v2/web1@sha256:web1' } } })

test('while images come, the old release runs and the new one is downloading', () => {
  const [old, target] = [wanted('c1', { web: {} }), wanted('c2', { web: { image: 'web2' } })]
  const said = describe(reached(old), target, doings({ progressOf: () => 42, running: noted('c1') }))
  assert.deepEqual(said, {
    status: 'Updating',
    apps: {
      [app]: {
        release_uuid: 'c1',
        releases: {
          c1: {
            update_status: 'done',
            services: { web: { image: 'v2/web1@sha256:web1', status: 'Running' } },
          },
          c2: {
            update_status: 'downloading',
            services: {
              web: {
                image: 'registry.example/v2/web2@sha256:web2',
                status: 'Downloading',
                download_progress: 42,
              },
            },
          },
        },
      },
    },
  })
})

test('a release is done only once it was noted to run whole', () => {
  const target = wanted('c1', { web: {} })
  const statusWith = (running: Doings['running']) =>
    describe(reached(target), target, doings({ running })).apps?.[app]?.releases['c1']?.update_status
  assert.equal(statusWith({}), 'applying changes')
  assert.equal(statusWith(noted('c1')), 'done')
})

test('after a crash a service is restarting until it stayed up for ten seconds', () => {
  const target = wanted('c1', { web: {} })
  const statusAt = (now: number, restarts: number) => {
    const current = reached(target, { web: { restarts, startedAt: 50_000 } })
    return describe(current, target, doings({ now })).apps?.[app]?.releases['c1']?.services['web']?.status
  }
  assert.equal(statusAt(50_100, 0), 'Running')
  assert.equal(statusAt(59_000, 3), 'restarting')
  assert.equal(statusAt(60_000, 3), 'Running')
})

test('a container that was moved on to another release is not told under an image that it may not have there', () => {
  const [old, target] = [wanted('c2', { web: {} }), wanted('c3', { web: { image: 'web2' } })]
  const moved = container(old[0]!, 'web', { madeFor: 'c1', image: 'v2/older@sha256:web1' })
  const current = { ...reached(old), containers: [moved], images: images('web1') }
  assert.equal(describe(current, target, doings()).apps?.[app]?.releases['c2'], undefined)
  const known = describe(current, target, doings({ running: noted('c2') })).apps?.[app]?.releases['c2']
  assert.equal(known?.services['web']?.image, 'v2/web1@sha256:web1')
  assert.equal(facts().commits[app], undefined)
})

test('an image that neither the target nor a container names is not reported: its release may be deleted', () => {
  const target = wanted('c2', { web: { image: 'web2' } })
  const current = { ...reached(target), images: images('web1', 'web2') }
  const known = { [app]: { commit: 'c1', services: { web: 'v2/web1@sha256:web1' } } }
  const { releases } = describe(current, target, doings({ running: known })).apps![app]!
  assert.deepEqual(Object.keys(releases), ['c2'])
})

test('a report is the difference, and apps go whole', () => {
  const apps = (progress: number) => ({
    [app]: { releases: { c1: { services: { web: { image: 'i', download_progress: progress } } } } },
  })
  const base = { status: 'Idle', memory_usage: 10, apps: apps(1) }
  assert.equal(difference(base, { ...base }), undefined)
  assert.deepEqual(difference(base, { ...base, memory_usage: 11 }), { memory_usage: 11 })
  assert.deepEqual(difference(base, { ...base, apps: apps(2) }), { apps: apps(2) })
})

test('what people wait for is told apart from steps and from progress', () => {
  const report = (
    update_status: 'downloading' | 'done',
    status: string,
    download_progress: number | null,
  ) => ({
    status: 'Updating',
    apps: {
      [app]: {
        releases: { c1: { update_status, services: { web: { image: 'i', status, download_progress } } } },
      },
    },
  })
  const base = report('downloading', 'Downloading', 5)
  assert.equal(kindOf(base, base), 'nothing')
  assert.equal(kindOf(base, report('downloading', 'Downloading', 6)), 'progress')
  assert.equal(kindOf(base, report('downloading', 'Starting', null)), 'service')
  assert.equal(kindOf(base, report('done', 'Running', null)), 'milestone')
  assert.equal(kindOf({}, base), 'milestone')
})
