import assert from 'node:assert/strict'
import test from 'node:test'
import type { Current } from './observe.ts'
import { plan } from './plan.ts'
import type { Step } from './steps.ts'
import { app, container, device, facts, imageOf, images, nothing, reached, wanted } from './testing/scene.ts'
import { wantedOf, type Wanted } from './wanted.ts'

const start = (service: string, id: string | null = null): Step => ({
  do: 'start',
  app,
  service,
  container: id,
})
const stop = (service: string, commit: string): Step => ({
  do: 'stop',
  container: `${service} of ${commit}`,
  service,
})
const note = (commit: string): Step => ({ do: 'note commit', app, commit })
const only = (target: Wanted) => target[0]!

/** The old release runs; the engine also has these images. */
function from(old: Wanted, ...more: string[]): Current {
  const current = reached(old)
  return { ...current, images: [...current.images, ...images(...more)] }
}

test('where nothing is, images are fetched before anything is made', () => {
  const target = wanted('c1', { web: {}, db: {} }, { volumes: { data: null } })
  assert.deepEqual(plan(nothing, target, facts()), [
    { do: 'fetch', image: imageOf('web1'), service: 'web' },
    { do: 'fetch', image: imageOf('db1'), service: 'db' },
  ])
})

test('an image that two services share is fetched once, and not again while it is coming', () => {
  const target = wanted('c1', { one: { image: 'same' }, two: { image: 'same' } })
  assert.deepEqual(plan(nothing, target, facts()), [{ do: 'fetch', image: imageOf('same'), service: 'one' }])
  assert.deepEqual(plan(nothing, target, facts({ fetching: ['same'] })), [])
})

test('networks and volumes come before the containers that need them', () => {
  const target = wanted('c1', { web: { composition: { volumes: ['data:/data'] } } })
  const withImage = { ...nothing, images: images('web1') }
  assert.deepEqual(plan(withImage, target, facts()), [
    { do: 'create network', app, network: 'default' },
    { do: 'create volume', app, volume: 'data' },
  ])
  const { networks, volumes } = reached(target)
  assert.deepEqual(plan({ ...withImage, networks, volumes }, target, facts()), [start('web')])
})

test('a service on the network of the host needs no network of its own', () => {
  const target = wanted('c1', { web: { composition: { network_mode: 'host' } } })
  assert.deepEqual(plan({ ...nothing, images: images('web1') }, target, facts()), [start('web')])
})

test('when all runs, the release is noted once and then nothing is left to do', () => {
  const target = wanted('c1', { web: {}, db: {} })
  assert.deepEqual(plan(reached(target), target, facts()), [note('c1')])
  assert.deepEqual(plan(reached(target), target, facts({ commit: 'c1' })), [])
})

test('the new image is fetched before the old container is stopped', () => {
  const [old, target] = [wanted('c1', { web: {} }), wanted('c2', { web: { image: 'web2' } })]
  assert.deepEqual(plan(from(old), target, facts()), [
    { do: 'fetch', image: imageOf('web2'), service: 'web' },
  ])
  assert.deepEqual(plan(from(old), target, facts({ fetching: ['web2'] })), [])
  assert.deepEqual(plan(from(old, 'web2'), target, facts()), [stop('web', 'c1')])
})

test('no service is touched until the images of all are there', () => {
  const old = wanted('c1', { web: {}, db: {} })
  const target = wanted('c2', { web: { image: 'web2' }, db: { image: 'db2' } })
  const current = from(old, 'web2')
  assert.deepEqual(plan(current, target, facts({ fetching: ['db2'] })), [])
})

test('the old container is stopped, then removed, then the new one is started', () => {
  const [old, target] = [wanted('c1', { web: {} }), wanted('c2', { web: { image: 'web2' } })]
  const current = from(old, 'web2')
  assert.deepEqual(plan(current, target, facts()), [stop('web', 'c1')])
  const stopped = { ...current, containers: [container(only(old), 'web', { state: 'exited' })] }
  assert.deepEqual(plan(stopped, target, facts()), [
    { do: 'remove container', container: 'web of c1', service: 'web' },
  ])
  assert.deepEqual(plan({ ...stopped, containers: [] }, target, facts()), [start('web')])
})

test('a newer target replaces an unfinished one wherever it stood, and nothing of that is waited for', () => {
  const service = (image: string) => ({ web: { image } })
  const [ran, unfinished, newest] = ['1', '2', '3'].map((n) => wanted(`c${n}`, service(`web${n}`)))
  const fetch = { do: 'fetch', image: imageOf('web3'), service: 'web' }
  const noted = (fetching: string[] = []) => facts({ commit: 'c1', fetched: ['web1', 'web2'], fetching })
  // In the middle of its download, then downloaded, then with its container made but never started.
  assert.deepEqual(plan(from(ran!), newest!, noted(['web2'])), [fetch])
  const dropped = { do: 'remove image', reference: imageOf('web2') }
  assert.deepEqual(plan(from(ran!, 'web2'), newest!, noted()), [fetch, dropped])
  const made = reached(unfinished!, { web: { state: 'created' } })
  assert.deepEqual(plan(made, newest!, noted()), [fetch])
})

test('a service that the new release leaves unchanged is renamed, not restarted', () => {
  const old = wanted('c1', { web: {}, db: {} })
  const target = wanted('c2', { web: { image: 'web2' }, db: {} })
  assert.deepEqual(plan(from(old, 'web2'), target, facts()), [
    stop('web', 'c1'),
    { do: 'rename', container: 'db of c1', service: 'db', name: 'db_60_30_c2' },
  ])
})

test('the same image under another name and host makes no new container', () => {
  const old = wanted('c1', { web: {} })
  const moved = wantedOf(
    device({
      [app]: {
        id: 10,
        name: 'fleet',
        is_host: false,
        class: 'fleet',
        releases: {
          c1: {
            id: 30,
            networks: {},
            volumes: {},
            services: {
              web: {
                id: 40,
                image_id: 60,
                image: 'other.example:5000/v2/elsewhere@sha256:web1',
                running: true,
                environment: {},
                labels: {},
                composition: {},
              },
            },
          },
        },
      },
    }),
  )
  assert.deepEqual(plan(reached(old), moved, facts({ commit: 'c1' })), [])
})

test('a changed variable makes a new container without a fetch', () => {
  const [old, target] = [wanted('c1', { web: {} }), wanted('c1', { web: { environment: { A: '1' } } })]
  assert.deepEqual(plan(reached(old), target, facts({ commit: 'c1' })), [stop('web', 'c1')])
})

test('values with tabs, trailing spaces and line breaks cause no step while they stay the same', () => {
  const odd = { web: { environment: { A: '\tx ', B: 'one\ntwo\n', C: '' }, labels: { 'a.b': ' c ' } } }
  assert.deepEqual(plan(reached(wanted('c1', odd)), wanted('c1', odd), facts({ commit: 'c1' })), [])
})

test('a device that gets another name keeps its containers', () => {
  const named = (name: string) => wanted('c1', { web: { environment: { BALENA_DEVICE_NAME_AT_INIT: name } } })
  assert.deepEqual(plan(reached(named('one')), named('two'), facts({ commit: 'c1' })), [])
})

test('a service that the release no longer has is stopped once the new images are there', () => {
  const [old, target] = [wanted('c1', { web: {}, db: {} }), wanted('c2', { web: { image: 'web2' } })]
  assert.deepEqual(plan(from(old), target, facts({ fetching: ['web2'] })), [])
  assert.deepEqual(plan(from(old, 'web2'), target, facts()), [stop('web', 'c1'), stop('db', 'c1')])
})

test('a service starts after those that it depends on', () => {
  const target = wanted('c1', { web: { composition: { depends_on: ['db'] } }, db: {} })
  const ready = { ...reached(target), containers: [] }
  assert.deepEqual(plan(ready, target, facts()), [start('db')])
  const db = container(only(target), 'db')
  assert.deepEqual(plan({ ...ready, containers: [db] }, target, facts()), [start('web')])
})

test('the old container goes on until the dependencies of its successor are ready', () => {
  const depends = { composition: { depends_on: ['db'] } }
  const old = wanted('c1', { web: depends, db: {} })
  const target = wanted('c2', { web: { image: 'web2', ...depends }, db: { image: 'db2' } })
  assert.deepEqual(plan(from(old, 'web2', 'db2'), target, facts()), [stop('db', 'c1')])
})

test('service_healthy waits for the health check', () => {
  const finer = { depends_on: ['db'], 'x-copal': { depends_on: { db: { condition: 'service_healthy' } } } }
  const target = wanted('c1', { web: { composition: finer }, db: {} })
  const withDb = (health: 'starting' | 'healthy') => ({
    ...reached(target),
    containers: [container(only(target), 'db', { health })],
  })
  assert.deepEqual(plan(withDb('starting'), target, facts()), [])
  assert.deepEqual(plan(withDb('healthy'), target, facts()), [start('web')])
})

test('service_completed_successfully waits for exit code 0', () => {
  const how = { migrate: { condition: 'service_completed_successfully' } }
  const target = wanted('c1', {
    web: { composition: { depends_on: ['migrate'], 'x-copal': { depends_on: how } } },
    migrate: { composition: { restart: 'no' } },
  })
  const withExit = (exitCode: number) => ({
    ...reached(target),
    containers: [container(only(target), 'migrate', { state: 'exited', exitCode })],
  })
  assert.deepEqual(plan(withExit(1), target, facts()), [])
  assert.deepEqual(plan(withExit(0), target, facts()), [start('web')])
})

test('a service that did its work once is left alone and counts as running the release', () => {
  const target = wanted('c1', { job: { composition: { restart: 'no' } } })
  const current = reached(target, { job: { state: 'exited' } })
  assert.deepEqual(plan(current, target, facts()), [note('c1')])
  assert.deepEqual(plan(current, target, facts({ commit: 'c1' })), [])
})

test('a service that should always run and was stopped by somebody is started again', () => {
  const target = wanted('c1', { web: {} })
  const current = reached(target, { web: { state: 'exited' } })
  assert.deepEqual(plan(current, target, facts({ commit: 'c1' })), [start('web', 'web of c1')])
})

test('a container that the engine is restarting is left to the engine', () => {
  const target = wanted('c1', { web: {} })
  const current = reached(target, { web: { state: 'restarting', restarts: 7 } })
  assert.deepEqual(plan(current, target, facts({ commit: 'c1' })), [])
})

test('a container that was made but never started is made again: it may lack networks', () => {
  const target = wanted('c1', { web: {} })
  const current = reached(target, { web: { state: 'created' } })
  assert.deepEqual(plan(current, target, facts()), [
    { do: 'remove container', container: 'web of c1', service: 'web' },
  ])
})

test('of two containers for one service the one that runs stays', () => {
  const target = wanted('c1', { web: {} })
  const current = reached(target)
  const twin = container(only(target), 'web', { id: 'twin', name: 'twin', state: 'exited' })
  assert.deepEqual(plan({ ...current, containers: [twin, ...current.containers] }, target, facts()), [
    { do: 'remove container', container: 'twin', service: 'web' },
  ])
})

test('a service that should not run is stopped and stays', () => {
  const target = wanted('c1', { web: { running: false } })
  assert.deepEqual(plan(reached(target), target, facts()), [stop('web', 'c1')])
  const stopped = reached(target, { web: { state: 'exited' } })
  assert.deepEqual(plan(stopped, target, facts({ commit: 'c1' })), [])
  assert.deepEqual(plan({ ...nothing, networks: stopped.networks }, target, facts({ commit: 'c1' })), [])
})

test('a network defined anew is replaced after all containers on it are gone', () => {
  const services = { web: { composition: { depends_on: ['db'] } }, db: {} }
  const old = wanted('c1', services)
  const target = wanted('c2', services, { networks: { default: { internal: true } } })
  const current = reached(old)
  // web too, although db is not ready: it holds up the network that db waits for.
  assert.deepEqual(plan(current, target, facts()), [stop('web', 'c1'), stop('db', 'c1')])
  assert.deepEqual(plan({ ...current, containers: [] }, target, facts()), [
    { do: 'remove network', name: `${app}_default` },
  ])
  assert.deepEqual(plan({ ...current, containers: [], networks: [] }, target, facts()), [
    { do: 'create network', app, network: 'default' },
  ])
})

test('a network that can not be made stops nothing', () => {
  const old = wanted('c1', { web: {} })
  const target = wanted('c2', { web: { composition: { networks: ['back'] } } }, { networks: { back: {} } })
  const steps = plan(reached(old), target, facts())
  assert.deepEqual(steps, [{ do: 'create network', app, network: 'back' }])
})

test('a network that was removed under a running container is made again, and the container too', () => {
  const target = wanted('c1', { web: {} })
  const current = { ...reached(target), networks: [] }
  assert.deepEqual(plan(current, target, facts({ commit: 'c1' })), [
    { do: 'create network', app, network: 'default' },
  ])
  const another = { id: 'another', name: `${app}_default`, app, digest: only(target).networks[0]!.digest }
  assert.deepEqual(plan({ ...current, networks: [another] }, target, facts({ commit: 'c1' })), [
    stop('web', 'c1'),
  ])
})

test('a network of that name that somebody else made is taken as it is', () => {
  const target = wanted('c1', { web: {} })
  const current = reached(target)
  const foreign = current.networks.map((network) => ({ ...network, app: null, digest: null }))
  assert.deepEqual(plan({ ...current, networks: foreign }, target, facts({ commit: 'c1' })), [])
})

test('a volume that exists is taken as it is, whoever made it', () => {
  const target = wanted('c1', { web: { composition: { volumes: ['data:/data'] } } })
  const current = { ...reached(target), volumes: [{ name: '10_data', app: null }] }
  assert.deepEqual(plan(current, target, facts({ commit: 'c1' })), [])
})

test('volumes stay when a release drops them, and go when the app leaves the target', () => {
  const old = wanted('c1', { web: { composition: { volumes: ['data:/data'] } } })
  const current = reached(old)
  const without = wanted('c2', {})
  const empty = { ...current, containers: [], images: [], networks: [] }
  assert.deepEqual(plan(empty, without, facts({ commit: 'c2' })), [])
  assert.deepEqual(plan(current, [], facts()), [stop('web', 'c1')])
  assert.deepEqual(plan({ ...current, containers: [], networks: [] }, [], facts()), [
    { do: 'remove volume', name: '10_data' },
  ])
})

test('networks that no release names are removed once nothing is on them', () => {
  const old = wanted('c1', { web: {} })
  const current = reached(old)
  assert.deepEqual(plan({ ...current, containers: [] }, [], facts()), [
    { do: 'remove network', name: `${app}_default` },
  ])
})

test('images that we fetched and nobody needs are removed, others are not ours', () => {
  const target = wanted('c2', { web: { image: 'web2' } })
  const current = { ...reached(target), images: images('web2', 'web1', 'foreign') }
  assert.deepEqual(plan(current, target, facts({ commit: 'c2', fetched: ['web1', 'web2'] })), [
    { do: 'remove image', reference: imageOf('web1') },
  ])
})

test('an image stays as long as a container of it does, and while it is coming', () => {
  const [old, target] = [wanted('c1', { web: {} }), wanted('c2', { web: { image: 'web2' } })]
  const known = facts({ fetched: ['web1', 'web2'], fetching: ['web2'] })
  assert.deepEqual(plan(from(old), target, known), [])
})

test('a service whose image was taken away needs none while its container runs', () => {
  const target = wanted('c1', { web: {} })
  assert.deepEqual(plan({ ...reached(target), images: [] }, target, facts({ commit: 'c1' })), [])
})

test('a service on the network of another is made again when that one is', () => {
  const target = wanted('c1', { vpn: {}, web: { composition: { network_mode: 'service:vpn' } } })
  const fine = reached(target, { web: { networkMode: 'container:vpn of c1' } })
  assert.deepEqual(plan(fine, target, facts({ commit: 'c1' })), [])
  const stale = reached(target, { web: { networkMode: 'container:an older one' } })
  assert.deepEqual(plan(stale, target, facts({ commit: 'c1' })), [stop('web', 'c1')])
})

test('the supervisor and host apps are never planned for', () => {
  const release = { c1: { id: 1, services: {}, volumes: {}, networks: {} } }
  const one = { id: 11, name: 'amd64-supervisor', is_host: false, class: 'app' as const, releases: release }
  const fixed = '52e35121417640b1b28a680504e4039b'
  const target = wantedOf(
    device({
      anything: one,
      [fixed]: { ...one, name: 'renamed', class: 'fleet' },
      host: { ...one, name: 'generic', is_host: true },
    }),
  )
  assert.deepEqual(target, [])
})

test('a target of many services with odd names ends, whatever the order of steps', () => {
  const target = wanted('c1', {
    constructor: {},
    'a_b.c-d': { composition: { depends_on: ['constructor'] } },
  })
  let current: Current = { ...nothing, images: images('constructor1', 'a_b.c-d1') }
  let commit: string | undefined
  for (let round = 0; round < 10; round++) {
    const steps = plan(current, target, facts(commit === undefined ? {} : { commit }))
    if (steps.length === 0) break
    for (const step of steps) {
      if (step.do === 'create network') current = { ...current, networks: reached(target).networks }
      else if (step.do === 'start') {
        current = { ...current, containers: [...current.containers, container(only(target), step.service)] }
      } else if (step.do === 'note commit') commit = step.commit
      else assert.fail(step.do)
    }
  }
  assert.equal(commit, 'c1')
})
