import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { guest } from '../auth/actor.ts'
import { cancelRelease } from '../releases/end-release.ts'
import { startRelease } from '../releases/start-release.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { openLog } from './build-log.ts'
import { keepSource, openSource } from './kept-source.ts'
import { startDetached } from './detached.ts'
import { silent } from './output.ts'
import { closeBuild, isOurs, openBuild } from './queue.ts'
import { interruptBuilds } from './running.ts'
import { readTar, sourceLimits } from './source.ts'
import { sweepBuilds } from './sweep-builds.ts'
import { takeOverBuilds } from './take-over.ts'
import { archiveOf, seedFleet } from './test-push.ts'

let server: TestServer
let fleet: number
/** An engine that takes calls and never answers: what is built there goes on until it is stopped. */
const engine = createServer((socket) => void sockets.add(socket.on('error', () => {})))
const sockets = new Set<Socket>()
before(async () => {
  await new Promise<void>((done) => engine.listen(0, '127.0.0.1', done))
  const { port } = engine.address() as AddressInfo
  server = await testServer({ COPAL_BUILDS_AT_ONCE: '9', COPAL_DOCKER_HOST: `tcp://127.0.0.1:${port}` })
  fleet = await seedFleet(server, 'hello')
})
after(async () => {
  for (const socket of sockets) socket.destroy()
  engine.close()
  await server?.[Symbol.asyncDispose]()
})

const sql = (...query: Parameters<TestServer['ctx']['db']['sql']>) => server.ctx.db.sql(...query)
const rowOf = async (build: number) => (await sql`select * from build where id = ${build}`)[0]!
const archive = archiveOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
const wish = { nocache: false, emulated: false, draft: false }

/** A build that needs no pusher, on a copy that is not there any more. */
async function deadBuild(tries = 1): Promise<number> {
  const { ctx } = server
  await using source = await readTar(Readable.from([archive]), sourceLimits(ctx))
  const kept = { ...(await keepSource(ctx, source)), wish }
  const build = await openBuild(ctx, { application: fleet, user: undefined, commit: 'c0ffee', kept })
  const log = openLog(ctx, build, silent)
  log.line('begun')
  await log.close()
  await sql`update build set copy = ${randomUUID()}, status = 'running', tries = ${tries} where id = ${build}`
  return build
}

async function until(what: string, happened: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) if (await happened()) return
  throw new Error(`not within 10 s: ${what}`)
}

const cancel = (build: number) => server.call('POST', `/builds/v1/${build}/cancel`)
const hasEnded = async (build: number) => (await rowOf(build)).ended_at !== null

test('a build without a pusher whose copy died starts again on a living one, and its log says so', async () => {
  const build = await deadBuild()
  await sweepBuilds(server.ctx)
  await until('it has a release', async () => (await rowOf(build)).release !== null)
  const row = await rowOf(build)
  assert.equal(row.copy, server.ctx.copy)
  assert.equal(row.tries, 2)
  await cancel(build)
  await until('it has ended', () => hasEnded(build))
  const [release] = await sql`select commit, status, build_log from release where id = ${row.release}`
  assert.equal(release!.commit, 'c0ffee')
  assert.equal(release!.status, 'cancelled')
  assert.match(
    release!.build_log,
    /^begun\nthe platform stopped while this was built: starting again \(try 2 of 3\)\nBuilding admin\/hello/,
  )
  assert.equal(
    (await rowOf(build)).source,
    null,
    'the source is kept until the build has ended, and no longer',
  )
})

test('a build whose copy died three times is interrupted', async () => {
  const build = await deadBuild(3)
  await sweepBuilds(server.ctx)
  const { status, error_message, source } = await rowOf(build)
  assert.deepEqual([status, source], ['interrupted', null])
  assert.match(error_message, /the platform stopped while it was built · push again/)
})

test('a build that was cancelled while nobody had it does not start again', async () => {
  const build = await deadBuild()
  await cancel(build)
  assert.equal((await takeOverBuilds(server.ctx)).length, 0)
  assert.equal((await rowOf(build)).status, 'cancelled')
})

test('a build whose release was cancelled while nobody had it ends as cancelled', async () => {
  const { ctx } = server
  const build = await deadBuild()
  const fields = { belongs_to__application: fleet, commit: randomUUID().replaceAll('-', ''), composition: {} }
  const { id } = await startRelease(ctx, guest, fields)
  await sql`update build set release = ${id} where id = ${build}`
  await cancelRelease(ctx, id)
  await sweepBuilds(ctx)
  assert.equal((await rowOf(build)).status, 'cancelled')
})

test('of copies that look at the same moment one takes the build', async () => {
  const build = await deadBuild()
  const copies = Array.from({ length: 4 }, () => ({ ...server.ctx, copy: randomUUID() }))
  for (const { copy } of copies)
    await sql`insert into copy (id, lease_until) values (${copy}, now() + interval '1 minute')`
  const taken = await Promise.all(copies.map(takeOverBuilds))
  assert.deepEqual(
    taken.flat().map(({ id }) => id),
    [build],
  )
  await cancel(build)
})

test('a copy that was given up for dead and is not can no longer end the build', async () => {
  const { ctx } = server
  const build = await openBuild(ctx, { application: fleet, user: undefined, commit: 'c0ffee' })
  const other = { ...ctx, copy: randomUUID() }
  await closeBuild(other, build, { status: 'success', phases: {}, log: '' })
  assert.equal((await rowOf(build)).status, 'waiting')
  await assert.rejects(
    ctx.db.transaction((tx) => isOurs(other, tx, build)),
    /another copy of the platform/,
  )
  await cancel(build)
})

test('a source is kept so that nobody reads its secrets from the store, and its key goes when the build has ended', async () => {
  const { ctx } = server
  const secret = 'correct-horse-battery'
  const tree = archiveOf({ Dockerfile: 'FROM scratch\n', '.balena/secrets/key': secret })
  await using source = await readTar(Readable.from([tree]), sourceLimits(ctx))
  const kept = await keepSource(ctx, source)
  const bytes = Buffer.concat(await (await ctx.blobs.read(kept.source)).toArray())
  assert.notEqual(bytes.readUInt16BE(0), 0x1f8b, 'it is no gzip archive to whoever has the bytes')
  await using again = await openSource(ctx, kept)
  assert.equal(String(await again.read('.balena/secrets/key')), secret)

  const build = await deadBuild(3)
  assert.ok((await rowOf(build)).source_key)
  await sweepBuilds(ctx)
  assert.equal((await rowOf(build)).source_key, null)
})

test('a source that is lost ends its build', async () => {
  const build = await deadBuild()
  await sql`update build set source = ${`sha256:${'0'.repeat(64)}`} where id = ${build}`
  await sweepBuilds(server.ctx)
  await until('it has ended', () => hasEnded(build))
  const { status, error_message } = await rowOf(build)
  assert.equal(status, 'interrupted')
  assert.match(error_message, /its source is lost · push again/)
})

test('a platform that is stopped leaves builds without a pusher to the next, with their releases', async () => {
  const { ctx } = server
  const source = await readTar(Readable.from([archive]), sourceLimits(ctx))
  const started = startDetached(ctx, {
    application: { id: fleet },
    user: undefined,
    commit: 'decade',
    source,
    ...wish,
  })
  const [build, release] = [await started.opened, await started.release]
  await interruptBuilds(ctx)
  const row = await rowOf(build)
  assert.deepEqual([row.status, row.tries, row.ended_at], ['waiting', 0, null])
  assert.ok(row.source)
  assert.equal((await sql`select status from release where id = ${release}`)[0]!.status, 'running')

  await sql`update build set copy = ${randomUUID()} where id = ${build}`
  await sweepBuilds(ctx)
  await until('it waits for the builder', async () => (await rowOf(build)).status === 'running')
  assert.equal((await rowOf(build)).release, release, 'a release keeps its id, which people were told')
  await cancel(build)
  await until('it has ended', () => hasEnded(build))
})
