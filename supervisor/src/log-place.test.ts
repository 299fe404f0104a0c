import assert from 'node:assert/strict'
import test from 'node:test'
import type { LogLine } from '@copal/engine/container-logs.ts'
import { linesAfter, placeOf, written, type ReadLog } from './log-place.ts'

/** A log whose lines are named by their seconds and a letter: `05a`, `05b`. */
const logOf = (...names: string[]): ReadLog =>
  async function* ({ since }) {
    const lines = names.map((name): LogLine => {
      const seconds = name.slice(0, 2)
      return { time: `2026-01-01T00:00:${seconds}.500000000Z`, text: name, stderr: false }
    })
    // As the engine does: what is older is left out until the first that is not.
    const first = lines.findIndex(
      ({ time }) => since === undefined || Date.parse(time) / 1000 >= Number(since),
    )
    if (first >= 0) yield* lines.slice(first)
  }

const at = (seconds: string, lines = 1) => ({ time: `2026-01-01T00:00:${seconds}.500000000Z`, lines })

async function after(from: Parameters<typeof linesAfter>[1], ...names: string[]): Promise<string[]> {
  const texts: string[] = []
  for await (const { line } of linesAfter(logOf(...names), from)) texts.push(line.text)
  return texts
}

test('reading goes on after the line that was sent last, also when several have its very time', async () => {
  assert.deepEqual(await after(undefined, '01a', '02a'), ['01a', '02a'])
  assert.deepEqual(await after(at('01'), '01a', '02a'), ['02a'])
  assert.deepEqual(await after(at('02', 2), '01a', '02a', '02b', '02c', '03a'), ['02c', '03a'])
  assert.deepEqual(await after(at('03'), '01a', '03a'), [])
})

test('a clock that was set back before or after that line makes nothing come twice and loses nothing', async () => {
  assert.deepEqual(await after(at('02'), '05a', '01a', '02a', '03a'), ['03a'])
  assert.deepEqual(await after(at('05'), '04a', '05a', '01a', '02a'), ['01a', '02a'])
})

test('when the engine has thrown that line away, all that is left is newer', async () => {
  assert.deepEqual(await after(at('02'), '05a', '06a'), ['05a', '06a'])
})

test('when a power cut took that line, what stood before it does not come again, and what is printed since comes', async () => {
  assert.deepEqual(await after(at('05'), '01a', '02a'), [])
  assert.deepEqual(await after(at('05'), '01a', '02a', '07a'), ['07a'])
  assert.deepEqual(await after(at('05', 2), '01a', '05a', '07a'), ['07a'])
  assert.deepEqual(
    await after(at('05'), '03a', '04a', '02a', '03b'),
    ['02a', '03b'],
    'the clock lost its time',
  )
})

test('a place is written as text and read again; what is none is none', () => {
  assert.deepEqual(placeOf(written(at('05', 12))), at('05', 12))
  for (const text of [undefined, '', 'x+1', '2026-01-01T00:00:05.500000000Z'])
    assert.equal(placeOf(text), undefined)
})
