import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPowers } from './powers.ts'

const status = (bounding: string) => `Name:\tnode\nCapEff:\t0000000000000000\nCapBnd:\t${bounding}\n`

test('a machine that has every capability is asked for --privileged', () => {
  assert.deepEqual(readPowers(status('000001ffffffffff')), { privileged: true })
})

test('where SYS_RESOURCE is missing, the others are listed one by one', () => {
  const powers = readPowers(status('000001fffeffffff'))
  assert.ok(!powers.privileged)
  assert.equal(powers.capabilities.length, 37)
  assert.ok(powers.capabilities.includes('SYS_ADMIN'))
  assert.ok(!powers.capabilities.includes('SYS_RESOURCE'))
})

test('inside an ordinary container our own bounds do not count', () => {
  assert.deepEqual(readPowers(status('00000000a80425fb')), { privileged: true })
})
