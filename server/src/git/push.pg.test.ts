import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badRequest } from '../problems.ts'
import { succeed, testRemote } from './test-remote.ts'

test('a push to main is built, told line by line, and moves the branch', async () => {
  await using remote = await testRemote()
  const clone = await remote.clone()
  const commit = await clone.commit('app.js', '1')
  const push = await clone.git('push', 'copal', 'main')
  assert.equal(push.code, 0, push.output)
  assert.match(push.output, new RegExp(`remote: Building ${commit}`))
  assert.deepEqual(await remote.refs(), { 'refs/heads/main': commit })
  assert.deepEqual(await remote.releases(), [commit])
})

test('a failed build refuses the push with its sentence and leaves the branch; the same commit again is built again', async () => {
  await using remote = await testRemote()
  const clone = await remote.clone()
  remote.build = async () => {
    throw badRequest('cannot build service main: RUN npm ci ended with 1')
  }
  const failed = await clone.git('push', 'copal', 'main')
  assert.notEqual(failed.code, 0)
  assert.match(failed.output, /remote: cannot build service main: RUN npm ci ended with 1/)
  assert.match(failed.output, /! \[remote rejected\] main -> main/)
  assert.equal((await clone.git('ls-remote', 'copal')).output, '')
  remote.build = succeed
  const again = await clone.git('push', 'copal', 'main')
  assert.equal(again.code, 0, again.output)
  assert.match(again.output, /remote: Building/)
  assert.equal((await remote.releases()).length, 1)
})
