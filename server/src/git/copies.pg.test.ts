// What one copy of the server took, every other has, whenever one dies and whatever its disk forgets.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, chmod, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { testServer } from '../test-server.ts'
import { gitPlace } from './place.ts'
import { gitUser } from './program.ts'
import { newClone, serveGit, succeed, testRemote, type Remote } from './test-remote.ts'

const server = await testServer()
after(() => server[Symbol.asyncDispose]())

async function dataFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'copal-copy-'))
  await chmod(path, 0o711)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('a clone is whole after the cache was deleted', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const commits: string[] = []
  for (const content of ['1', '2', '3']) {
    commits.push(await clone.commit('app.js', content))
    await clone.git('push', 'copal', 'main')
  }
  await remote.forgetCache()
  const reader = await newClone(await remote.folder(), remote.address)
  assert.equal((await reader.git('pull', '-q', 'copal', 'main')).code, 0)
  assert.equal((await reader.git('fsck', '--full')).code, 0)
  assert.equal((await reader.git('rev-parse', 'HEAD')).output.trim(), commits.at(-1))
  await remote.forgetCache()
  await clone.commit('app.js', '4')
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
})

test('two copies with a disk each are one remote', async () => {
  await using remote = await testRemote(server)
  await using folder = await dataFolder()
  const other = { ...server.ctx, config: { ...server.ctx.config, dataDir: folder.path }, copy: randomUUID() }
  await using second = await serveGit(other, succeed)
  const there = remote.address.replace(remote.url.slice(7), second.url.slice(7))
  const clone = await remote.clone()
  for (const [address, content] of [
    [remote.address, '1'],
    [there, '2'],
    [remote.address, '3'],
  ] as const) {
    const commit = await clone.commit('app.js', content)
    const push = await clone.git('push', address, 'main')
    assert.equal(push.code, 0, push.output)
    for (const from of [remote.address, there])
      assert.match((await clone.git('ls-remote', from, 'main')).output, new RegExp(`^${commit}\t`))
  }
  const reader = await newClone(await remote.folder(), there)
  assert.equal((await reader.git('pull', '-q', 'copal', 'main')).code, 0)
  assert.equal((await reader.git('rev-list', '--count', 'HEAD')).output.trim(), '4')
})

const asRoot = gitUser === undefined && 'we are not root, so git runs as we do'
test(
  "where git's user may not walk to the data folder its cache lies elsewhere",
  { skip: asRoot },
  async () => {
    await using remote = await testRemote(server)
    await using folder = await dataFolder()
    await chmod(folder.path, 0o700)
    const other = { ...server.ctx, config: { ...server.ctx.config, dataDir: folder.path } }
    const { stores } = await gitPlace(other)
    await using cleanUp = new AsyncDisposableStack()
    cleanUp.defer(() => rm(dirname(stores), { recursive: true }))
    assert.match(stores, /^\/var\/cache\/copal\/git-[0-9a-f]{12}\//)
    await using second = await serveGit(other, succeed)
    const clone = await remote.clone()
    const push = await clone.git(
      'push',
      remote.address.replace(remote.url.slice(7), second.url.slice(7)),
      'main',
    )
    assert.equal(push.code, 0, push.output)
  },
)

test('a copy killed at a random moment of a push leaves all of it or nothing, and the push can be repeated', async (t) => {
  await using remote = await testRemote(server)
  await using folder = await dataFolder()
  const clone = await remote.clone()
  const big = () => writeFile(join(clone.folder, 'big'), randomBytes(2 * 1024 * 1024))
  await big()
  await clone.commit('app.js', 'first')
  const first = await startCopy(remote, folder.path)
  const since = performance.now()
  assert.equal((await clone.git('push', first.address, 'main')).code, 0)
  const wholePush = performance.now() - since
  first.kill()
  for (let kill = 0; kill < 3; kill++) {
    await big()
    const commit = await clone.commit('app.js', `${kill}`)
    const before = await remote.releases()
    const copy = await startCopy(remote, folder.path)
    const push = clone.git('push', copy.address, 'main')
    const wait = Math.random() * 1.5 * wholePush
    await pause(wait)
    copy.kill()
    const outcome = await push
    await copy.ended
    const happened = (await remote.refs())['refs/heads/main'] === commit
    t.diagnostic(`killed after ${wait.toFixed(0)} ms: the push ${happened ? 'happened' : 'did not happen'}`)
    if (outcome.code === 0) assert.ok(happened)
    assert.deepEqual(await remote.releases(), happened ? [...before, commit] : before)

    const next = await startCopy(remote, folder.path)
    const again = await clone.git('push', next.address, 'main')
    assert.equal(again.code, 0, again.output)
    assert.deepEqual(await remote.releases(), [...before, commit])
    const reader = await newClone(await remote.folder(), next.address)
    const pull = await reader.git('pull', '-q', 'copal', 'main')
    assert.equal(pull.code, 0, pull.output)
    assert.equal((await reader.git('rev-parse', 'HEAD')).output.trim(), commit)
    next.kill()
  }
})

test('a copy killed between its transaction and its answer has taken the push, and every copy says so', async () => {
  await using remote = await testRemote(server)
  await using folder = await dataFolder()
  const clone = await remote.clone()
  const commit = await clone.commit('app.js', '1')
  const copy = await startCopy(remote, folder.path)
  const push = clone.git('push', copy.address, 'main')
  await copy.committed
  copy.kill()
  assert.notEqual((await push).code, 0)
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': commit })
  assert.deepEqual(await remote.releases(), [commit])
  const again = await clone.git('push', 'copal', 'main')
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /Everything up-to-date/)
  assert.deepEqual(await remote.releases(), [commit])
})

async function startCopy(
  remote: Remote,
  dataDir: string,
): Promise<{ address: string; ended: Promise<void>; committed: Promise<void>; kill(): void }> {
  const { config, db } = remote.ctx
  const child = spawn(process.execPath, [join(import.meta.dirname, 'test-copy.ts')], {
    env: {
      PATH: process.env.PATH,
      COPAL_PORT: String(20_000 + Math.floor(Math.random() * 10_000)),
      COPAL_HOST: '127.0.0.1',
      COPAL_DATA_DIR: dataDir,
      COPAL_BLOBS: config.blobs,
      COPAL_SECRET: config.secret,
      COPAL_DATABASE_URL: db.connectionUrl,
      COPAL_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  after(() => child.kill('SIGKILL'))
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const committed = Promise.withResolvers<void>()
  const url = await new Promise<string>((done, failed) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'committed') committed.resolve()
      else done(line)
    })
    child.once('exit', (code) => failed(new Error(`the copy ended with ${code}`)))
  })
  return {
    address: remote.address.replace(remote.url.slice(7), url.slice(7)),
    ended,
    committed: committed.promise,
    kill: () => child.kill('SIGKILL'),
  }
}
