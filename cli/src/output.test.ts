import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colourful, harmless, oneLine, tableLines, widthOf } from './output.ts'

test('columns are as wide as their widest cell, the last one as it comes, and nothing is a dash', () => {
  assert.deepEqual(
    tableLines(
      ['A', 'LONG HEADING', 'C'],
      [
        ['x', 1, 'some text'],
        ['longer', null, undefined],
      ],
    ),
    ['A       LONG HEADING  C', 'x       1             some text', 'longer  –             –'],
  )
})

test('columns stand below each other where names are written wide', () => {
  assert.deepEqual(
    tableLines(
      ['N', 'V'],
      [
        ['世界', 'a'],
        ['é', 'b'],
        ['🚀', 'c'],
      ],
    ),
    ['N     V', '世界  a', 'é     b', '🚀    c'],
  )
  assert.equal(widthOf('👩‍🚀'), 2)
})

test('a value with line breaks makes no second row', () => {
  assert.deepEqual(tableLines(['N'], [['a\r\nb\tc']]), ['N', 'a b c'])
  assert.equal(oneLine('a\u2028b'), 'a b')
})

test('what moves the cursor, sets titles, writes elsewhere or turns the writing is taken out', () => {
  assert.equal(
    harmless('a\u001b[2Jb\u001b]0;title\u0007c\u009b1Ad\u0000\u0008\u007f\u202ee\tf\ng'),
    'abcde\tf\ng',
  )
})

test('without a terminal that shows colours, what a build prints has none', () => {
  assert.equal(colourful('\u001b[31mred\u001b[0m \u001b[2Jgone'), 'red gone')
})
