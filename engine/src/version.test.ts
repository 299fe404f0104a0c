import assert from 'node:assert/strict'
import test from 'node:test'
import { before, negotiate, newest } from './version.ts'

test('the engine decides the version until it is newer than what we know', () => {
  assert.equal(negotiate('1.41'), '1.41')
  assert.equal(negotiate('1.99'), newest)
})

test('an engine that is too old is refused', () => {
  assert.throws(() => negotiate('1.39'), /speaks API 1\.39, at least 1\.40/)
  assert.throws(() => negotiate(undefined), /\(unknown\)/)
})

test('versions are compared as numbers', () => {
  assert.ok(before('1.9', '1.40'))
  assert.ok(!before('1.40', '1.40'))
  assert.ok(before('1.47', '2.0'))
})
