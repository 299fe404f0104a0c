import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spread } from './median.ts'

test('the median of an even number of values lies between the two in the middle', () => {
  assert.deepEqual(spread([4, 1, 10, 2]), { median: 3, min: 1, max: 10 })
  assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 })
})

test('there is no median of nothing', () => {
  assert.throws(() => spread([]), /cannot take the median of nothing/)
})
