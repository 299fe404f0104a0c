import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { guest } from '../auth/actor.ts'
import { createUser } from '../accounts/create-user.ts'
import { signSession } from '../auth/session.ts'
import { cancelRelease } from '../releases/end-release.ts'
import { insertRelease } from '../releases/start-release.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { cancelBuild } from './cancel-build.ts'
import { openLog } from './build-log.ts'
import { silent } from './output.ts'
import { closeBuild, openBuild, waitForTurn } from './queue.ts'
import { stopReasons } from './stop-reasons.ts'
import { sweepBuilds } from './sweep-builds.ts'
import { archiveOf, push, seedFleet } from './test-push.ts'

let server: TestServer
let fleet: number
before(async () => {
  server = await testServer({ COPAL_CONTEXT_LIMIT: '1M', COPAL_BUILDS_AT_ONCE: '1' })
  fleet = await seedFleet(server, 'hello')
})
after(() => server?.[Symbol.asyncDispose]())

const sql = (...query: Parameters<TestServer['ctx']['db']['sql']>) => server.ctx.db.sql(...query)
const open = () => openBuild(server.ctx, { application: fleet, user: undefined, commit: 'c0ffee' })
const close = (build: number) => closeBuild(server.ctx, build, { status: 'success', phases: {}, log: '' })
const statusOf = async (build: number): Promise<string> =>
  (await sql`select status from build where id = ${build}`)[0]!.status

/** A build with a running release, as it stands in the middle of its life. */
async function openWithRelease(): Promise<{ build: number; release: number }> {
  const { ctx } = server
  const build = await open()
  const release = await ctx.db.transaction(async (tx) => {
    const fields = {
      belongs_to__application: fleet,
      commit: randomUUID().replaceAll('-', ''),
      composition: {},
    }
    const row = await insertRelease(ctx, tx, guest, fields)
    await tx.sql`update build set release = ${row.id}, status = 'running' where id = ${build}`
    return row.id
  })
  return { build, release }
}

function turn(build: number, signal = new AbortController().signal) {
  const heard: number[] = []
  let begun = false
  const done = waitForTurn(server.ctx, build, { signal, waiting: (ahead) => heard.push(ahead) }).then(() => {
    begun = true
  })
  return { heard, done, hasBegun: () => begun }
}

test('builds run in the order in which they came, and those that wait are told their place', async () => {
  const [one, two, three] = [await open(), await open(), await open()]
  const turns = [turn(one), turn(two), turn(three)] as const
  await turns[0].done
  await sleep(100)
  assert.deepEqual(
    turns.map(({ hasBegun }) => hasBegun()),
    [true, false, false],
  )
  assert.deepEqual(
    turns.map(({ heard }) => heard.at(-1)),
    [undefined, 1, 2],
  )
  await close(one)
  await turns[1].done
  await sleep(100)
  assert.deepEqual(turns[2].heard, [2, 1])
  await close(two)
  await turns[2].done
  await close(three)
})

test('a build that gives up while it waits makes room for the next', async () => {
  const [one, two, three] = [await open(), await open(), await open()]
  await turn(one).done
  const stop = new AbortController()
  const second = turn(two, stop.signal)
  const third = turn(three)
  stop.abort(new Error('gone'))
  await assert.rejects(second.done, /gone/)
  await closeBuild(server.ctx, two, { status: 'cancelled', phases: {}, log: '' })
  await close(one)
  await third.done
  await close(three)
})

test('a build that was cancelled while it waited never begins', async () => {
  const [one, two] = [await open(), await open()]
  await turn(one).done
  const second = turn(two)
  await cancelBuild(server.ctx, two)
  await close(one)
  await assert.rejects(second.done, /was cancelled/)
  assert.equal(await statusOf(two), 'cancelled')
})

test('a copy that was killed after a release succeeded leaves a build that went well, with its log', async () => {
  const dead = await openWithRelease()
  const log = openLog(server.ctx, dead.build, silent)
  log.line('built')
  await log.close()
  await sql`update build set copy = ${randomUUID()} where id = ${dead.build}`
  await sql`update release set status = 'success' where id = ${dead.release}`
  assert.equal(await sweepBuilds(server.ctx), 1)
  assert.equal(await statusOf(dead.build), 'success')
  const [row] = await sql`select status, build_log from release where id = ${dead.release}`
  assert.deepEqual({ ...row }, { status: 'success', build_log: 'built\n' })
})

test('a killed copy leaves its builds and releases "interrupted", with the log that they had; living ones stay', async () => {
  const dead = await openWithRelease()
  const alive = await openWithRelease()
  const log = openLog(server.ctx, dead.build, silent)
  log.line('the last words')
  await log.close()
  await sql`update build set copy = ${randomUUID()} where id = ${dead.build}`
  assert.equal(await sweepBuilds(server.ctx), 1)
  const [row] = await sql`select status, build_log, end_timestamp from release where id = ${dead.release}`
  assert.equal(row!.status, 'interrupted')
  assert.equal(row!.build_log, 'the last words\n')
  assert.ok(row!.end_timestamp)
  assert.equal(await statusOf(dead.build), 'interrupted')
  const [still] = await sql`select status from release where id = ${alive.release}`
  assert.equal(still!.status, 'running')
  await close(alive.build)
})

test('a client that builds by itself and is not heard of for a day leaves no release running', async () => {
  const { ctx } = server
  const fields = {
    belongs_to__application: fleet,
    commit: 'abcdef1',
    composition: {},
    source: 'local' as const,
  }
  const { id } = await ctx.db.transaction((tx) => insertRelease(ctx, tx, guest, fields))
  await sweepBuilds(ctx)
  assert.equal((await sql`select status from release where id = ${id}`)[0]!.status, 'running')
  await sql`update release set update_timestamp = now() - interval '25 hours' where id = ${id}`
  await sweepBuilds(ctx)
  assert.equal((await sql`select status from release where id = ${id}`)[0]!.status, 'interrupted')
})

test('a build stops when its release is cancelled, and when it takes too long', async () => {
  const { build, release } = await openWithRelease()
  using stop = stopReasons(server.ctx, build, new AbortController().signal)
  const stopped = new Promise((done) => stop.signal.addEventListener('abort', done))
  await cancelRelease(server.ctx, release)
  await stopped
  assert.match(String(stop.signal.reason), /the build was cancelled/)

  const impatient = {
    ...server.ctx,
    config: { ...server.ctx.config, builds: { ...server.ctx.config.builds, minutes: 0.001 } },
  }
  using late = stopReasons(impatient, await open(), new AbortController().signal)
  await new Promise((done) => late.signal.addEventListener('abort', done))
  assert.match(String(late.signal.reason), /longer than 0\.001 minutes .* COPAL_BUILD_MINUTES/)
})

test('what a build prints is bounded, and its last lines are kept', async () => {
  const build = await open()
  const log = openLog(server.ctx, build, silent)
  for (let number = 0; number < 200_000; number++) log.line(`line ${number} \0`)
  const text = await log.close()
  assert.ok(text.length < 1_600_000)
  assert.match(text, /^line 0 \n/)
  assert.match(text, /lines are left out …\n/)
  assert.match(text, /line 199999 \n$/)
  await close(build)
})

test('a project over the limit is refused with a sentence that names limit and setting, and leaves no build', async () => {
  const big = archiveOf({ Dockerfile: 'FROM scratch\n', big: '\0'.repeat(3_000_000) })
  await assert.rejects(
    push(server, 'admin/hello', big),
    /413: cannot take the project: it is larger than 1 MB .*COPAL_CONTEXT_LIMIT/,
  )
})

test('a truncated upload is refused and leaves no build', async () => {
  const [before] = await sql`select count(*) from build`
  const cut = archiveOf({ Dockerfile: 'FROM scratch\n' }).subarray(0, 60)
  await assert.rejects(
    push(server, 'admin/hello', cut),
    /400: cannot read the upload: its compression is cut off/,
  )
  assert.deepEqual((await sql`select count(*) from build`)[0], before)
})

test('only developers and administrators build, and strangers do not learn that a fleet exists', async () => {
  const { ctx } = server
  const { id } = await createUser(ctx, {
    username: 'other',
    email: 'o@example.test',
    password: 'long enough',
  })
  const [user] = await sql`select id, jwt_secret from "user" where id = ${id}`
  const token = await signSession(ctx, user as never, Date.now())
  const tried = async () => {
    const answer = await fetch(`${server.url}/v3/build?slug=admin/hello`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: new Uint8Array(archiveOf({ Dockerfile: 'FROM scratch\n' })),
    })
    return `${answer.status}: ${await answer.text()}`
  }
  assert.match(await tried(), /^404: cannot find fleet admin\/hello/)
  await sql`
    insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
    select ${id}, organization, (select id from organization_membership_role where name = 'observer') from application where id = ${fleet}`
  assert.match(await tried(), /^403: cannot build admin\/hello: your role there is observer/)
  const { builds } = await server.call('GET', '/builds/v1?fleet=admin/hello', undefined, token)
  assert.ok(builds.length > 0)
  await assert.rejects(server.call('POST', `/builds/v1/${builds[0].id}/cancel`, undefined, token), /403/)
})
