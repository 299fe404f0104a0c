import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nothing, planPush, type Command } from './branches.ts'

const one = '1'.repeat(40)
const two = '2'.repeat(40)
const push = (...commands: [ref: string, old: string, to: string][]): Command[] =>
  commands.map(([ref, old, to]) => ({ ref, old, new: to }))
const none = new Map<string, string>()

test('main and master build and keep their place', () => {
  for (const name of ['main', 'master']) {
    const commands = push([`refs/heads/${name}`, nothing, one])
    const plan = planPush(commands, none)
    assert.deepEqual(plan.build, { branch: name, commit: one, nocache: false, emulated: false })
    assert.deepEqual(plan.moves, commands)
  }
})

test('balena-nocache and balena-emulated build in their way and leave no ref', () => {
  const nocache = planPush(push(['refs/heads/balena-nocache', nothing, one]), none)
  assert.deepEqual(nocache, {
    build: { branch: 'balena-nocache', commit: one, nocache: true, emulated: false },
    moves: [],
  })
  const emulated = planPush(push(['refs/heads/balena-emulated', nothing, one]), none)
  assert.equal(emulated.build?.emulated, true)
})

test('a push to a branch that does not build is refused with a sentence', () => {
  assert.throws(
    () => planPush(push(['refs/heads/feature', nothing, one]), none),
    /cannot build branch feature: only main and master are built · git push <remote> feature:main/,
  )
  assert.throws(() => planPush(push(['refs/for/main', nothing, one]), none), /cannot take refs\/for\/main/)
})

test('deleting a branch that builds is refused, deleting a tag is not', () => {
  const refs = new Map([
    ['refs/heads/main', one],
    ['refs/tags/v1', one],
  ])
  assert.throws(() => planPush(push(['refs/heads/main', one, nothing]), refs), /cannot delete main/)
  const plan = planPush(push(['refs/tags/v1', one, nothing]), refs)
  assert.equal(plan.build, undefined)
  assert.equal(plan.moves.length, 1)
})

test('two branches that build are refused in one push, a branch with tags is not', () => {
  assert.throws(
    () => planPush(push(['refs/heads/main', nothing, one], ['refs/heads/master', nothing, one]), none),
    /cannot build main and master in one push/,
  )
  const plan = planPush(push(['refs/heads/main', nothing, one], ['refs/tags/v1', nothing, two]), none)
  assert.equal(plan.build?.branch, 'main')
  assert.equal(plan.moves.length, 2)
})

test('a ref that was moved meanwhile is refused', () => {
  const refs = new Map([['refs/heads/main', two]])
  assert.throws(
    () => planPush(push(['refs/heads/main', one, two]), refs),
    /cannot move main: another push moved it/,
  )
  assert.throws(() => planPush(push(['refs/heads/main', nothing, one]), refs), /cannot move main/)
})

test('a tag that would be a folder of another is refused before anything is built', () => {
  const refs = new Map([['refs/tags/v1', one]])
  assert.throws(
    () => planPush(push(['refs/tags/v1/beta', nothing, one]), refs),
    /cannot keep v1\/beta beside v1/,
  )
  assert.throws(
    () => planPush(push(['refs/tags/a/b', nothing, one], ['refs/tags/a', nothing, one]), none),
    /cannot keep/,
  )
})
