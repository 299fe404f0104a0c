import assert from 'node:assert/strict'
import { test } from 'node:test'
import { elementsOf } from './json-array.ts'

test('objects of a JSON array are told as soon as they are whole, however the bytes are cut', async () => {
  const wanted = [
    { message: 'a "quoted" } { \\ brace' },
    { type: 'metadata', nested: { deep: [1, { x: '}' }] } },
    { message: 'é✓' },
  ]
  const bytes = Buffer.from(
    `[ ${JSON.stringify(wanted[0])} ,\n\n ${JSON.stringify(wanted[1])},${JSON.stringify(wanted[2])}]`,
  )
  for (const size of [1, 2, 3, 7, 1000]) {
    const got: unknown[] = []
    async function* cut() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    for await (const element of elementsOf(cut())) got.push(element)
    assert.deepEqual(got, wanted)
  }
})
