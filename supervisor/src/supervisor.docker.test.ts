import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { removeContainer } from '@copal/engine/containers.ts'
import { listVolumes } from '@copal/engine/volumes.ts'
import { bundleSupervisor } from '../bundle.ts'
import { Bench } from './testing/bench.ts'

const bounded = { timeout: 90_000 }

test('a new device registers, fetches its release, runs it and says so', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.runs('aaaaaa01')
  assert.equal(bench.statusOf('aaaaaa01', 'web'), 'Running')
  assert.deepEqual(await bench.states(), { [bench.nameOf('web', 0, 'aaaaaa01')]: 'running' })
})

test('an update keeps what did not change and leaves nothing behind', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  const [db, one, two] = [bench.image(), bench.image(), bench.image()]
  const volumes = { data: {} }
  const composition = { volumes: ['data:/data'], depends_on: ['db'] }
  bench.release('aaaaaa01', { db: { image: db }, web: { image: one, composition } }, { volumes })
  await bench.runs('aaaaaa01')
  const before = await bench.containers()
  const dbBefore = before.find(({ Names }) => Names[0]?.startsWith('/db_'))

  bench.release('bbbbbb02', { db: { image: db }, web: { image: two, composition } }, { volumes })
  await bench.runs('bbbbbb02')
  const after = await bench.containers()
  assert.deepEqual(after.map(({ Names }) => Names[0]).toSorted(), [
    `/${bench.nameOf('db', 0, 'bbbbbb02')}`,
    `/${bench.nameOf('web', 1, 'bbbbbb02')}`,
  ])
  assert.equal(after.find(({ Names }) => Names[0]?.startsWith('/db_'))?.Id, dbBefore?.Id)
  await bench.until('the old image is gone', async () => !(await bench.digests()).includes(one.digest))
  assert.deepEqual((await bench.digests()).toSorted(), [db.digest, two.digest].toSorted())
})

test('a change of one variable makes that container anew and fetches nothing', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  const image = bench.image('echo "level is $LEVEL"; trap "exit 0" TERM; while :; do sleep 0.2; done')
  bench.release('aaaaaa01', { web: { image, environment: { LEVEL: '\tlow ' }, composition: { tty: false } } })
  await bench.runs('aaaaaa01')
  const fetched = bench.registry.served.length
  const [first] = await bench.containers()

  bench.release('aaaaaa01', { web: { image, environment: { LEVEL: 'high' }, composition: { tty: false } } })
  await bench.until('another container runs', async () => {
    const [now, ...others] = await bench.containers()
    return others.length === 0 && now?.State === 'running' && now.Id !== first?.Id
  })
  assert.equal(bench.registry.served.length, fetched)
  await bench.until('both lines are logged', () => containerLines(bench).length === 2)
  assert.deepEqual(containerLines(bench), ['level is \tlow ', 'level is high'])
})

test(
  'killed at random moments of an update, it ends with exactly the target',
  { timeout: 240_000 },
  async () => {
    await using bench = await Bench.start()
    await bench.boot()
    bench.registry.delay = 60
    let last = ''
    for (let round = 1; round <= 3; round++) {
      last = `${(0xa00000 + round).toString(16)}99`
      const [web, db] = [bench.image(), bench.image()]
      bench.release(
        last,
        {
          web: { image: web, composition: { depends_on: ['db'], volumes: ['data:/data'] } },
          db: { image: db },
        },
        { volumes: { data: {} }, networks: { default: { driver_opts: { round: String(round) } } } },
      )
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 1500))
      await bench.end('SIGKILL')
      await bench.boot()
      await bench.runs(last, 60_000)
      await bench.until('only its images are left', async () => {
        return String((await bench.digests()).toSorted()) === String([web.digest, db.digest].toSorted())
      })
      assert.deepEqual(await bench.states(), {
        [bench.nameOf('web', 0, last)]: 'running',
        [bench.nameOf('db', 1, last)]: 'running',
      })
    }
  },
)

test(
  'without the platform it starts from what is on disk and repairs what was removed',
  bounded,
  async () => {
    await using bench = await Bench.start()
    await bench.boot()
    bench.release('aaaaaa01', { web: { image: bench.image() } })
    await bench.runs('aaaaaa01')
    await bench.end('SIGTERM')
    await bench.platform.down()
    const [container] = await bench.containers()
    await removeContainer(bench.engine, container?.Id ?? '', { force: true })

    await bench.boot()
    await bench.until('the service runs again', async () => {
      return Object.values(await bench.states()).join() === 'running'
    })
    await bench.platform.up()
  },
)

test('it stops at once when told to, and leaves the services running', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.runs('aaaaaa01')
  assert.ok((await bench.end('SIGTERM')) < 2000)
  assert.deepEqual(Object.values(await bench.states()), ['running'])
})

test('lines of a container arrive once each, through restarts of the supervisor', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  const image = bench.image('n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.05; done')
  bench.release('aaaaaa01', { web: { image, composition: { tty: false } } })
  await bench.runs('aaaaaa01')
  for (let round = 0; round < 3; round++) {
    const before = containerLines(bench).length
    await bench.until('more lines', () => containerLines(bench).length > before + 10)
    await bench.end('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 300))
    await bench.boot()
  }
  const known = containerLines(bench).length
  await bench.until('more lines', () => containerLines(bench).length > known + 10)
  const lines = containerLines(bench)
  assert.deepEqual(
    lines,
    lines.map((_line, index) => `line ${index + 1}`),
  )
})

test('a container that crashes again and again is reported as restarting', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image('sleep 0.3; exit 4') } })
  await bench.until('it is restarting', () => bench.statusOf('aaaaaa01', 'web') === 'restarting')
  await bench.until('the exit is told', () =>
    bench.platform.logs.some((line) => line.message === "Service exited 'web' with code 4"),
  )
})

test(
  'a service that does its work once counts as done, and what waits for it starts after',
  bounded,
  async () => {
    await using bench = await Bench.start()
    await bench.boot()
    const finer = { depends_on: { migrate: { condition: 'service_completed_successfully' } } }
    bench.release('aaaaaa01', {
      web: { image: bench.image(), composition: { depends_on: ['migrate'], 'x-copal': finer } },
      migrate: { image: bench.image('sleep 1'), composition: { restart: 'no' } },
    })
    await bench.runs('aaaaaa01')
    assert.equal(bench.statusOf('aaaaaa01', 'migrate'), 'exited')
    assert.equal(bench.statusOf('aaaaaa01', 'web'), 'Running')
  },
)

test('a download that is no longer wanted is given up for the new one', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.registry.delay = 4000
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.until('it downloads', () => bench.statusOf('aaaaaa01') === 'downloading')
  bench.registry.delay = 0
  bench.release('bbbbbb02', { web: { image: bench.image() } })
  await bench.runs('bbbbbb02')
  assert.deepEqual(Object.keys(await bench.states()), [bench.nameOf('web', 0, 'bbbbbb02')])
})

test('a report that failed is sent again until the platform has it', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.platform.reportStatus = 503
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.until('it runs', async () => Object.values(await bench.states()).join() === 'running')
  bench.platform.reportStatus = 200
  await bench.runs('aaaaaa01')
})

test('an app that has left the target takes its volumes along', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  const composition = { volumes: ['data:/data'] }
  bench.release('aaaaaa01', { web: { image: bench.image(), composition } }, { volumes: { data: {} } })
  await bench.runs('aaaaaa01')
  bench.platform.setTarget({})
  await bench.until('nothing is left', async () => {
    const volumes = await listVolumes(bench.engine, bench.filter)
    return volumes.length + (await bench.containers()).length + (await bench.digests()).length === 0
  })
})

test('a target that cannot be followed changes nothing and is named in the log', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.runs('aaaaaa01')
  bench.platform.setTarget({ [bench.app]: { id: 'x', name: 'test', class: 'fleet' } })
  await bench.until('it is told', () =>
    bench.platform.logs.some((line) => /^Could not move to new release: .*id must be/.test(line.message)),
  )
  assert.deepEqual(Object.values(await bench.states()), ['running'])
})

test('the bundle is one file that runs a release and is well', bounded, async (t) => {
  await using bench = await Bench.start()
  const bundle = join(bench.folder, 'dist/supervisor.js')
  await bundleSupervisor(bundle)
  // Devices have Node 20; where the machine has one, it is the one that counts.
  const own = await which20()
  if (own === undefined) t.diagnostic('there is no Node 20 here: tried with the newer one only')
  bench.use(own ?? process.execPath, bundle)
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.runs('aaaaaa01')
  assert.equal(bench.platform.reported.supervisor_version, '20.0.0')
  assert.ok(bench.platform.lineIsOpen)
})

async function which20(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    try {
      const { stdout } = await promisify(execFile)(join(folder, 'node'), ['--version'])
      if (stdout.startsWith('v20.')) return join(folder, 'node')
    } catch {
      // Not there.
    }
  }
  return undefined
}

function containerLines(bench: Bench): string[] {
  return bench.platform.logs.filter((line) => line.serviceId !== undefined).map((line) => line.message)
}
