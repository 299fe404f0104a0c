import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import test from 'node:test'
import { framedLines } from './container-logs.ts'
import { frames, jsonLines, textLines } from './streams.ts'

test('lines survive being cut at any byte, also inside a character', async () => {
  const bytes = Buffer.from('grüße\r\nzwei\n\nohne Ende')
  for (let size = 1; size <= bytes.length; size++) {
    assert.deepEqual(await all(textLines(cut(bytes, size))), ['grüße', 'zwei', '', 'ohne Ende'])
  }
})

test('JSON values come one a line', async () => {
  const stream = cut(Buffer.from('{"a":1}\r\n{"a":2}\n'), 5)
  assert.deepEqual(await all(jsonLines(stream)), [{ a: 1 }, { a: 2 }])
})

test('frames are taken apart at any cut', async () => {
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, '')])
  for (let size = 1; size <= bytes.length; size++) {
    const got = await all(frames(cut(bytes, size)))
    assert.deepEqual(
      got.map(({ from, data }) => [from, data.toString()]),
      [
        ['stdout', 'out'],
        ['stderr', 'err'],
        ['stdout', ''],
      ],
    )
  }
})

test('a long line that the engine cut in pieces is one line again', async () => {
  const stream = cut(
    Buffer.concat([frame(1, 't1 first '), frame(2, 't2 other\n'), frame(1, 't3 second\n')]),
    7,
  )
  assert.deepEqual(await all(framedLines(stream)), [
    { time: 't2', text: 'other', stderr: true },
    { time: 't1', text: 'first second', stderr: false },
  ])
})

function frame(source: number, text: string): Buffer {
  const head = Buffer.alloc(8)
  head[0] = source
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

function cut(bytes: Buffer, size: number): Readable {
  const pieces = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return Readable.from(pieces)
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
