import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Intake } from './intake.ts'
import { linesOf, overLong, type Piece } from './lines-of.ts'
import { readLine } from './read-line.ts'

const line = (message: string) => ({ message, timestamp: 1 })

test('more lines than the limit allows: a line with the count stands where they are missing', () => {
  const intake = new Intake(10, 0)
  const taken: string[] = []
  const take = (message: string, now: number) => {
    for (const one of intake.take(line(message), now)) taken.push(one.message)
  }
  for (let i = 0; i < 205; i++) take(`early ${i}`, 0)
  take('too soon', 500)
  take('later', 1500)
  take('last', 1500)
  assert.equal(taken.length, 200 + 1 + 2)
  assert.deepEqual(taken.slice(199), ['early 199', '6 lines dropped: more than 10 a second', 'later', 'last'])
})

test('a line that was dropped counts as handled only with its mark', () => {
  const intake = new Intake(1, 0)
  const at = (place: number) => ({ ...line('x'), source: 'c', place: String(place) })
  for (let place = 1; place <= 22; place++) intake.take(at(place), 0)
  assert.deepEqual([...intake.places()], [['c', '20']])
  assert.deepEqual([...intake.places()], [])
  intake.marks(0)
  assert.deepEqual([...intake.places()], [['c', '22']])
})

test('lines that are not understood are counted where they were, and the rest is kept', () => {
  const intake = new Intake(10, 0)
  intake.miss('not understood')
  assert.deepEqual(
    intake.take(line('next'), 0).map(({ message }) => message),
    ['1 line dropped: not understood', 'next'],
  )
  assert.deepEqual(intake.marks(0), [])
})

test('a line is read as it is: odd fields drop out, what has no message or no time is none', () => {
  assert.deepEqual(
    readLine({ message: 'a', timestamp: 1, isSystem: false, isStdErr: true, serviceId: 4, more: 1 }),
    {
      message: 'a',
      timestamp: 1,
      isStdErr: true,
      serviceId: 4,
    },
  )
  for (const bad of [
    { message: 1, timestamp: 1 },
    { message: 'a' },
    { message: 'a', timestamp: 'now' },
    'a',
    null,
  ])
    assert.equal(readLine(bad), undefined)
  assert.equal(readLine(line('nul \0'))!.message, 'nul \ufffd')
  const long = readLine(line('x'.repeat(20_000)))!.message
  assert.equal(long.length, 10_005)
  assert.ok(long.endsWith('[...]'))
})

test('lines are split wherever chunks end, blank ones skipped, over-long ones thrown away without being kept', async () => {
  const split = async (...chunks: string[]) => {
    const pieces: Piece[] = []
    const bytes = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk)
    })()
    for await (const some of linesOf(bytes)) pieces.push(...some)
    return pieces
  }
  assert.deepEqual(await split('one\ntw', 'o\n\n', '\nthree'), ['one', 'two', 'three'])
  const giant = 'x'.repeat(100_000)
  assert.deepEqual(await split(giant, giant, giant, 'end\nnext\n'), [overLong, 'next'])
})
