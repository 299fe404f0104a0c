import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complete } from './complete.ts'
import { makeProgram } from './program.ts'

const names = async (placeholder: string) => (placeholder === 'fleet' ? ['acme/a', 'acme/b'] : [])
const after = (...words: string[]) => complete(makeProgram(), words, names)

test('commands and what is below them', async () => {
  assert.deepEqual(await after('dev'), ['device', 'device-type'])
  assert.ok((await after('')).includes('push'))
  assert.ok(!(await after('')).includes('complete'))
  assert.deepEqual(await after('org', ''), ['list', 'help'].sort())
})

test('options of the command that is being typed', async () => {
  assert.deepEqual(await after('fleet', 'list', '--'), ['--help', '--json'])
  assert.deepEqual(await after('push', 'acme/a', '--dr'), ['--draft'])
})

test('names where a name belongs: arguments, values of options, after options', async () => {
  assert.deepEqual(await after('push', ''), ['acme/a', 'acme/b'])
  assert.deepEqual(await after('push', '-s', '.', 'acme/b'), ['acme/b'])
  assert.deepEqual(await after('push', '-s', ''), [])
  assert.deepEqual(await after('device', 'list', '--fleet', 'acme'), ['acme/a', 'acme/b'])
  assert.deepEqual(await after('completion', ''), ['bash', 'fish', 'zsh'])
})
