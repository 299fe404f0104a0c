import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import { containerLogs } from './container-logs.ts'
import {
  createContainer,
  getArchive,
  inspectContainer,
  listContainers,
  removeContainer,
  renameContainer,
  startContainer,
  stopContainer,
  waitContainer,
} from './containers.ts'
import { engineFromEnvironment } from './engine.ts'
import { EngineError, isConflict, isMissing } from './errors.ts'
import { execute, openSession } from './exec.ts'
import { inspectImage, loadImages, pullImage, removeImage, saveImages, tagImage } from './images.ts'
import { createNetwork, inspectNetwork, removeNetwork } from './networks.ts'
import { events, info, ping, version } from './system.ts'
import { importTinyImage } from './testing/tiny-image.ts'
import { createVolume, listVolumes, removeVolume } from './volumes.ts'

const engine = engineFromEnvironment()
const mark = `copal-engine-test-${randomBytes(4).toString('hex')}`
const image = `${mark}:latest`
const labels = { 'io.copal.test': mark }
const ours = { label: [`io.copal.test=${mark}`] }

before(() => importTinyImage(engine, image))
after(async () => {
  for (const { Id } of await listContainers(engine, { all: true, filters: ours })) {
    await removeContainer(engine, Id, { force: true, volumes: true })
  }
  await removeImage(engine, image, { force: true })
  engine[Symbol.dispose]()
})

const bounded = { timeout: 30_000 }
const shell = (name: string, script: string, more = {}) =>
  createContainer(engine, {
    name: `${mark}-${name}`,
    Image: image,
    Labels: labels,
    Cmd: ['sh', '-c', script],
    ...more,
  })

test('the engine says what it is', bounded, async () => {
  await ping(engine)
  assert.match((await version(engine)).Version, /^\d+\./)
  assert.ok((await info(engine)).NCPU > 0)
  assert.match(await engine.version(), /^1\.\d+$/)
})

test('a container lives from create to remove, and its exit code is told', bounded, async () => {
  const id = await shell('life', 'exit 7')
  await startContainer(engine, id)
  assert.equal(await waitContainer(engine, id), 7)
  await renameContainer(engine, id, `${mark}-renamed`)
  assert.equal((await inspectContainer(engine, id)).Name, `/${mark}-renamed`)
  await removeContainer(engine, id)
  await assert.rejects(inspectContainer(engine, id), isMissing)
})

test("a refusal carries the engine's status and words", bounded, async () => {
  const id = await shell('twice', 'true')
  await assert.rejects(
    shell('twice', 'true'),
    (error) => isConflict(error) && /already in use/.test(String(error)),
  )
  await removeContainer(engine, id)
})

test('starting what runs and stopping what does not are fine', bounded, async () => {
  const id = await shell('again', 'trap "exit 0" TERM; while :; do sleep 0.1; done')
  await startContainer(engine, id)
  await startContainer(engine, id)
  await stopContainer(engine, id)
  await stopContainer(engine, id)
  assert.equal((await inspectContainer(engine, id)).State.ExitCode, 0)
})

test('the log gives both outputs with times, and follows to the end', bounded, async () => {
  const id = await shell('log', 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three')
  await startContainer(engine, id)
  const lines = []
  for await (const line of containerLogs(engine, id, { follow: true })) lines.push(line)
  assert.deepEqual(
    lines.map(({ text, stderr }) => [text, stderr]),
    [
      ['one', false],
      ['two', true],
      ['three', false],
    ],
  )
  assert.match(lines[0]?.time ?? '', /^\d{4}-\d\d-\d\dT[\d:]+\.\d+Z$/)
})

test('the log of a container with a terminal is read as well', bounded, async () => {
  const id = await shell('tty', 'echo one; echo two', { Tty: true })
  await startContainer(engine, id)
  await waitContainer(engine, id)
  const lines = []
  for await (const line of containerLogs(engine, id)) lines.push(line.text)
  assert.deepEqual(lines, ['one', 'two'])
})

test('following a log ends with the reason of the abort', bounded, async () => {
  const id = await shell('endless', 'echo up; exec sleep 60')
  await startContainer(engine, id)
  const stop = new AbortController()
  const reason = new Error('enough')
  await assert.rejects(async () => {
    const lines = containerLogs(engine, id, { follow: true, signal: stop.signal })
    for await (const { text } of lines) if (text === 'up') stop.abort(reason)
  }, reason)
  await removeContainer(engine, id, { force: true })
})

test('a command in a container gives exit code and both outputs', bounded, async () => {
  const id = await shell('exec', 'exec sleep 60')
  await startContainer(engine, id)
  const result = await execute(engine, id, ['sh', '-c', 'echo out; echo err >&2; exit 3'])
  assert.deepEqual(result, { exitCode: 3, stdout: 'out\n', stderr: 'err\n' })

  const session = await openSession(engine, id, ['cat'])
  const heard = new Promise<string>((resolve) => session.stream.once('data', (data) => resolve(String(data))))
  session.stream.write('hello\n')
  assert.match(await heard, /hello/)
  session.stream.destroy()
  await removeContainer(engine, id, { force: true })
})

test('files come out of a container as a tar', bounded, async () => {
  const id = await shell('files', 'true')
  const chunks = []
  for await (const chunk of await getArchive(engine, id, '/bin/sh')) chunks.push(chunk)
  assert.match(Buffer.concat(chunks).toString('latin1', 0, 100), /^\w*sh\0/)
  await removeContainer(engine, id)
})

test('events are heard as they happen', bounded, async () => {
  const stop = new AbortController()
  const heard: string[] = []
  const listening = (async () => {
    for await (const event of events(engine, { filters: ours, signal: stop.signal })) {
      heard.push(event.Action)
      if (event.Action === 'die') return
    }
  })()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const id = await shell('event', 'true')
  await startContainer(engine, id)
  await listening
  assert.deepEqual(heard, ['create', 'start', 'die'])
})

test('an image goes out as an archive and in again', bounded, async () => {
  const copy = `${mark}-copy:latest`
  await tagImage(engine, image, copy)
  const chunks: Buffer[] = []
  for await (const chunk of await saveImages(engine, [copy])) chunks.push(chunk as Buffer)
  await removeImage(engine, copy)
  assert.deepEqual(await loadImages(engine, Buffer.concat(chunks)), [copy])
  assert.equal((await inspectImage(engine, copy)).Id, (await inspectImage(engine, image)).Id)
  await removeImage(engine, copy)
})

test('a pull that fails throws what the engine said', bounded, async () => {
  await assert.rejects(
    pullImage(engine, '127.0.0.1:1/none:latest'),
    (error) => error instanceof EngineError && /refused/.test(error.message),
  )
})

test('networks and volumes come and go', bounded, async () => {
  const network = await createNetwork(engine, { Name: `${mark}-net`, Labels: labels })
  await assert.rejects(createNetwork(engine, { Name: `${mark}-net` }), isConflict)
  assert.equal((await inspectNetwork(engine, network)).Labels?.['io.copal.test'], mark)
  await removeNetwork(engine, network)

  await createVolume(engine, { Name: `${mark}-data`, Labels: labels })
  assert.deepEqual(
    (await listVolumes(engine, ours)).map((volume) => volume.Name),
    [`${mark}-data`],
  )
  await removeVolume(engine, `${mark}-data`)
})

test('an engine that is not there is told apart from one that refuses', bounded, async () => {
  const { Engine } = await import('./engine.ts')
  using nobody = new Engine('unix:///nonexistent.sock')
  await assert.rejects(
    ping(nobody),
    (error) => error instanceof EngineError && error.status === 0 && /cannot reach/.test(error.message),
  )
})
