import assert from 'node:assert/strict'
import test from 'node:test'
import { parseReference } from './reference.ts'

test("a registry's port is not a tag", () => {
  assert.deepEqual(parseReference('host:5000/v2/0a1b'), {
    repository: 'host:5000/v2/0a1b',
    tag: undefined,
    digest: undefined,
  })
})

test('tag and digest are told apart', () => {
  assert.deepEqual(parseReference('host:5000/v2/0a1b:latest@sha256:11'), {
    repository: 'host:5000/v2/0a1b',
    tag: 'latest',
    digest: 'sha256:11',
  })
})
