import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError, isMissing, isOutOfAddresses } from './errors.ts'

test('that no addresses are left for a network is understood in the words of old and new engines', () => {
  for (const words of [
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    'all predefined address pools have been fully subnetted',
  ])
    assert.ok(isOutOfAddresses(new EngineError(404, words)))
  const missing = new EngineError(404, 'network hello not found')
  assert.equal(isOutOfAddresses(missing), false)
  assert.ok(isMissing(missing))
})
