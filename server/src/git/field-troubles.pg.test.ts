// What has gone wrong for people elsewhere, one test for each behaviour that is right.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { symlink, writeFile } from 'node:fs/promises'
import { createServer, connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { extract } from 'tar-stream'
import { badRequest } from '../problems.ts'
import { testServer } from '../test-server.ts'
import type { Push } from './push.ts'
import { newClone, release, succeed, testRemote, type Clone, type Remote } from './test-remote.ts'

const server = await testServer()
after(() => server[Symbol.asyncDispose]())

interface Entry {
  type: string
  mode: string
  link?: string
  content: string
}

async function entriesOf(push: Push): Promise<Record<string, Entry>> {
  const entries: Record<string, Entry> = {}
  for await (const entry of push.tree().pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const { name, type, mode, linkname } = entry.header
    entries[name] = {
      type: type!,
      mode: mode!.toString(8),
      ...(linkname && { link: linkname }),
      content: Buffer.concat(chunks).toString(),
    }
  }
  return entries
}

async function shallowClone(remote: Remote, of: Clone): Promise<Clone> {
  const folder = await remote.folder()
  const clone = await newClone(folder, remote.address)
  await clone.git('fetch', '-q', '--depth', '1', `file://${of.folder}`, 'main')
  await clone.git('reset', '-q', '--hard', 'FETCH_HEAD')
  return clone
}

test('a push from a clone of depth 1 is taken: release, ref and exit code tell one story, and it can be cloned', async () => {
  await using remote = await testRemote(server)
  const full = await remote.clone()
  await full.commit('app.js', '1')
  const first = await full.commit('app.js', '2')
  const ci = await shallowClone(remote, full)
  const push = await ci.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': first })
  assert.deepEqual(await remote.releases(), [first])

  const second = await full.commit('app.js', '3')
  const nextRun = await shallowClone(remote, full)
  const again = await nextRun.git('push', '--force', 'copal', 'main')
  assert.equal(again.code, 0, again.output)
  assert.deepEqual(await remote.releases(), [first, second])

  const third = await full.commit('app.js', '4')
  const whole = await full.git('push', 'copal', 'main')
  assert.equal(whole.code, 0, whole.output)
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': third })

  const folder = await remote.folder()
  const reader = await newClone(folder, remote.address)
  const cloned = await reader.git('clone', '-q', remote.address, 'copy')
  assert.equal(cloned.code, 0, cloned.output)
  assert.equal((await reader.git('-C', 'copy', 'rev-list', '--count', 'HEAD')).output.trim(), '3')
  assert.equal((await reader.git('-C', 'copy', 'fsck', '--full')).code, 0)
})

test('a pack of many chunks after a probe is taken', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await writeFile(join(clone.folder, 'big'), randomBytes(3 * 1024 * 1024))
  await clone.commit('app.js', '1')
  const push = await clone.git('-c', 'http.postBuffer=65536', 'push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.equal((await remote.releases()).length, 1)
})

test('a pack of 40 MB is taken, and fetched again after the cache is gone', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await writeFile(join(clone.folder, 'big'), randomBytes(40 * 1024 * 1024))
  const commit = await clone.commit('app.js', '1')
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  await remote.forgetCache()
  const reader = await newClone(await remote.folder(), remote.address)
  const fetch = await reader.git('fetch', '-q', 'copal', 'main')
  assert.equal(fetch.code, 0, fetch.output)
  assert.equal((await reader.git('rev-parse', 'FETCH_HEAD')).output.trim(), commit)
})

test('a pack above the limit is answered with the limit and the name of its setting', async () => {
  await using limited = await testServer({ COPAL_PACK_LIMIT: '1M' })
  await using remote = await testRemote(limited)
  const clone = await remote.clone()
  await writeFile(join(clone.folder, 'big'), randomBytes(5 * 1024 * 1024))
  await clone.commit('app.js', '1')
  for (const options of [[], ['-c', 'http.postBuffer=65536']]) {
    const push = await clone.git(...options, 'push', 'copal', 'main')
    assert.notEqual(push.code, 0)
    assert.match(push.output, /remote: cannot take a pack of more than 1048576 bytes .* COPAL_PACK_LIMIT/)
    assert.match(push.output, /! \[remote rejected\] main -> main/)
  }
  assert.deepEqual(await remote.refs(), {})
})

test('links that dangle or point outside of the repository go into the build as links and are never followed', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await symlink('nowhere', join(clone.folder, 'dangling'))
  await symlink('/etc/passwd', join(clone.folder, 'absolute'))
  await symlink('../../..', join(clone.folder, 'outside'))
  await clone.commit('app.js', '1')
  let entries: Record<string, Entry> = {}
  remote.build = async (ctx, push) => {
    entries = await entriesOf(push)
    await release(ctx, push)
  }
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  for (const [name, link] of Object.entries({
    dangling: 'nowhere',
    absolute: '/etc/passwd',
    outside: '../../..',
  }))
    assert.deepEqual([entries[name]?.type, entries[name]?.link], ['symlink', link])
})

test('a tree is built as it is committed: mode bits stay, attributes for archives count for nothing', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.commit('.gitattributes', 'secret export-ignore\nversion export-subst\n')
  await clone.commit('secret', 'kept\n')
  await clone.commit('version', '$Format:%H$\n')
  await writeFile(join(clone.folder, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  await clone.commit('app.js', '1')
  let entries: Record<string, Entry> = {}
  remote.build = async (ctx, push) => {
    entries = await entriesOf(push)
    await release(ctx, push)
  }
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.equal(entries.secret?.content, 'kept\n')
  assert.equal(entries.version?.content, '$Format:%H$\n')
  assert.equal(entries['run.sh']?.mode, '755')
  assert.equal(entries['app.js']?.mode, '644')
})

test(
  'a build that prints nothing keeps the connection from falling silent',
  { timeout: 60_000 },
  async () => {
    await using remote = await testRemote(server)
    await using proxy = await watchingProxy(remote.url)
    const clone = await newClone(
      await remote.folder(),
      remote.address.replace(remote.url.slice(7), proxy.url.slice(7)),
    )
    await clone.commit('app.js', '1')
    let quiet = 0
    remote.build = async (ctx, push) => {
      const before = proxy.sent()
      await pause(12_500)
      quiet = proxy.sent() - before
      await release(ctx, push)
    }
    const push = await clone.git('push', 'copal', 'main')
    assert.equal(push.code, 0, push.output)
    assert.ok(quiet >= 1, `${quiet} signs of life in 12 silent seconds`)
  },
)

test('of two pushes at one moment the second waits, says so, and is refused before anything is built', async () => {
  await using remote = await testRemote(server)
  const one = await remote.clone()
  await one.git('push', 'copal', 'main')
  const two = await newClone(await remote.folder(), remote.address)
  await two.git('pull', '-q', 'copal', 'main')
  const first = await one.commit('app.js', 'one')
  await two.commit('app.js', 'two')
  const secondWaits = Promise.withResolvers<void>()
  const firstBuilds = Promise.withResolvers<void>()
  let builds = 0
  remote.build = async (ctx, push) => {
    builds++
    firstBuilds.resolve()
    await secondWaits.promise
    await release(ctx, push)
  }
  const pushOne = one.git('push', 'copal', 'main')
  await firstBuilds.promise
  const pushTwo = two.start(['push', 'copal', 'main'], undefined, (output) => {
    if (output.includes('Another push to this fleet is under way')) secondWaits.resolve()
  })
  assert.equal((await pushOne).code, 0)
  const second = await pushTwo
  assert.notEqual(second.code, 0)
  assert.match(second.output, /remote: cannot move main: another push moved it meanwhile/)
  assert.equal(builds, 1)
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': first })
  const [fleet] = await remote.ctx.db.sql`
    select r.commit from application a join release r on r.id = a.should_be_running__release where a.id = ${remote.fleet.id}`
  assert.equal(fleet!.commit, first)
})

test('a submodule is told by path and address at the head of the log, and again when the build fails', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.commit(
    '.gitmodules',
    '[submodule "x"]\n\tpath = libs/with space\n\turl = git://example.test/x\n',
  )
  const gitlink = '1234567890123456789012345678901234567890'
  await clone.git('update-index', '--add', '--cacheinfo', `160000,${gitlink},libs/with space`)
  await clone.git('commit', '-q', '-m', 'submodule')
  const note = /Submodule libs\/with space \(git:\/\/example.test\/x\) is not part of the push/g
  remote.build = async () => {
    throw badRequest('cannot build service main: it has no Dockerfile')
  }
  const failed = await clone.git('push', 'copal', 'main')
  assert.equal(failed.output.match(note)?.length, 2, failed.output)
  remote.build = succeed
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.equal(push.output.match(note)?.length, 1)
  assert.ok(push.output.search(note) < push.output.indexOf('Building'))
})

test('after a first push of main alone a plain clone checks out the code', async () => {
  for (const branch of ['main', 'master']) {
    await using remote = await testRemote(server)
    const clone = await remote.clone()
    await clone.git('push', 'copal', `main:${branch}`)
    const reader = await newClone(await remote.folder(), remote.address)
    const cloned = await reader.git('clone', '-q', remote.address, 'copy')
    assert.equal(cloned.code, 0, cloned.output)
    assert.equal(cloned.output, '')
    const head = await reader.git('-C', 'copy', 'symbolic-ref', '--short', 'HEAD')
    assert.equal(head.output.trim(), branch)
    assert.equal((await reader.git('-C', 'copy', 'ls-files')).output.trim(), 'Dockerfile')
  }
})

/** Passes bytes on and counts how often something comes back. */
async function watchingProxy(target: string): Promise<{ url: string; sent(): number } & AsyncDisposable> {
  let sent = 0
  const server = createServer((socket) => {
    const { hostname, port } = new URL(target)
    const onward = connect(Number(port), hostname)
    onward.on('data', () => sent++)
    for (const end of [socket, onward]) end.on('error', () => {})
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      await new Promise((done) => server.close(done))
    },
  }
}
