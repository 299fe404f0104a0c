import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { badRequest } from '../problems.ts'
import { testServer } from '../test-server.ts'
import type { Push } from './push.ts'
import { release, succeed, testRemote } from './test-remote.ts'

const server = await testServer()
after(() => server[Symbol.asyncDispose]())

test('a push to main is built, told line by line, and moves the branch', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const commit = await clone.commit('app.js', '1')
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.match(push.output, new RegExp(`remote: Building ${commit}`))
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': commit })
  assert.deepEqual(await remote.releases(), [commit])
})

test('a failed build refuses the push with its sentence and leaves the branch; the same commit again is built again', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const first = await clone.commit('app.js', '1')
  await clone.git('push', 'copal', 'main')
  const second = await clone.commit('app.js', '2')
  remote.build = async () => {
    throw badRequest('cannot build service main: RUN npm ci ended with 1')
  }
  const failed = await clone.git('push', 'copal', 'main')
  assert.notEqual(failed.code, 0)
  assert.match(failed.output, /remote: cannot build service main: RUN npm ci ended with 1/)
  assert.match(failed.output, /! \[remote rejected\] main -> main/)
  assert.match((await clone.git('ls-remote', 'copal', 'main')).output, new RegExp(`^${first}\t`))
  remote.build = succeed
  const again = await clone.git('push', 'copal', 'main')
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /remote: Building/)
  assert.deepEqual(await remote.releases(), [first, second])
})

test('a branch that does not build is refused by name, and nothing is kept of it', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const push = await clone.git('push', 'copal', 'main:feature')
  assert.notEqual(push.code, 0)
  assert.match(push.output, /remote: cannot build branch feature: only main and master are built/)
  const [packs] = await remote.ctx.db.sql`
    select count(*)::int as n from git_pack where application = ${remote.fleet.id}`
  assert.equal(packs!.n, 0)
})

test('tags are kept and deleted without a build', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.git('tag', 'v1')
  await clone.git('tag', '-a', '-m', 'second', 'v2')
  const push = await clone.git('push', 'copal', 'v1', 'v2')
  assert.equal(push.code, 0, push.output)
  assert.deepEqual(Object.keys(await remote.refs()), ['refs/tags/v1', 'refs/tags/v2'])
  assert.equal((await clone.git('push', 'copal', ':v1')).code, 0)
  assert.deepEqual(Object.keys(await remote.refs()), ['refs/tags/v2'])
  assert.deepEqual(await remote.releases(), [])
})

test('deleting main, and two branches in one push, are refused with a sentence', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.git('push', 'copal', 'main')
  assert.match(
    (await clone.git('push', 'copal', ':main')).output,
    /remote: cannot delete main: devices follow it/,
  )
  await clone.commit('app.js', '2')
  const both = await clone.git('push', 'copal', 'main', 'main:master')
  assert.match(both.output, /remote: cannot build main and master in one push/)
})

test('a commit that was built before is built again with a commit of its own', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const pushes: Push[] = []
  remote.build = async (ctx, push) => {
    pushes.push(push)
    await release(ctx, push)
  }
  await clone.git('push', 'copal', 'main')
  const push = await clone.git('push', 'copal', 'main:master')
  assert.equal(push.code, 0, push.output)
  const [first, second] = pushes
  assert.equal(first!.commit, first!.sourceCommit)
  assert.equal(second!.sourceCommit, first!.sourceCommit)
  assert.notEqual(second!.commit, first!.commit)
  assert.match(second!.commit, /^[0-9a-f]{40}$/)
})

test('balena-nocache builds the same commit as often as it is pushed there, and leaves no ref', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const pushes: Push[] = []
  remote.build = async (ctx, push) => {
    pushes.push(push)
    await release(ctx, push)
  }
  for (const target of ['main:balena-nocache', 'main:balena-nocache', 'main:balena-emulated'])
    assert.equal((await clone.git('push', 'copal', target)).code, 0)
  assert.deepEqual(
    pushes.map(({ nocache, emulated }) => [nocache, emulated]),
    [
      [true, false],
      [true, false],
      [false, true],
    ],
  )
  assert.deepEqual(await remote.refs(), {})
})

test('rewritten history is taken with --force only', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.git('push', 'copal', 'main')
  await clone.git('commit', '-q', '--amend', '-m', 'better')
  assert.notEqual((await clone.git('push', 'copal', 'main')).code, 0)
  const push = await clone.git('push', '--force', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.equal((await remote.releases()).length, 2)
})

test('a client that hangs up stops the build and leaves nothing', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  remote.build = async (ctx, push) => {
    started.resolve()
    await new Promise<void>((done) => push.signal.addEventListener('abort', () => done()))
    // a build that notices too late
    await release(ctx, push).finally(ended.resolve)
  }
  const hangUp = new AbortController()
  const push = clone.start(['push', 'copal', 'main'], hangUp.signal)
  await started.promise
  hangUp.abort()
  await Promise.all([push, ended.promise])
  assert.deepEqual(await remote.refs(), {})
  assert.deepEqual(await remote.releases(), [])
  remote.build = succeed
  const again = await clone.git('push', 'copal', 'main')
  assert.equal(again.code, 0, again.output)
  assert.doesNotMatch(again.output, /Another push/)
})

test('the pusher reads each line when it is said', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const heard = Promise.withResolvers<void>()
  remote.build = async (ctx, push) => {
    push.say('step 1 of 2')
    await heard.promise // never, if the line waits for more
    await release(ctx, push)
  }
  const push = await clone.start(['push', 'copal', 'main'], undefined, (output) => {
    if (output.includes('step 1 of 2')) heard.resolve()
  })
  assert.equal(push.code, 0, push.output)
})

test('a bug in a build is told as an internal error, without its words', async () => {
  await using remote = await testRemote(server)
  remote.ctx.log.level = 'silent'
  const clone = await remote.clone()
  remote.build = async () => {
    await pause(1)
    throw new TypeError('x is not a function')
  }
  const push = await clone.git('push', 'copal', 'main')
  assert.match(push.output, /remote: cannot take this push: internal error/)
  assert.doesNotMatch(push.output, /x is not a function/)
})

test('objects that git finds unsound are refused', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const blob = (await clone.git('rev-parse', 'HEAD:Dockerfile')).output.trim()
  const tree = (await clone.write(['mktree'], `100644 blob ${blob}\t.git\n`)).output.trim()
  const commit = (await clone.git('commit-tree', '-m', 'bad', tree)).output.trim()
  const push = await clone.git('push', 'copal', `${commit}:refs/heads/main`)
  assert.notEqual(push.code, 0)
  assert.match(push.output, /hasDotgit/)
  assert.deepEqual(await remote.refs(), {})
})
