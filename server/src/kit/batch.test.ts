import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batched } from './batch.ts'

test('items that come together are written together, and each gets its own result', async () => {
  const writes: number[][] = []
  await using batch = batched(
    async (items: number[]) => {
      writes.push(items)
      return items.map((item) => item * 2)
    },
    { wait: 5, most: 3 },
  )
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map((item) => batch.add(item))), [2, 4, 6, 8])
  assert.deepEqual(writes, [[1, 2, 3], [4]])
})

test('a write that fails is told to those in it, and the next one goes on', async () => {
  await using batch = batched(
    async (items: string[]) => {
      if (items.includes('bad')) throw new Error('refused')
      return items
    },
    { wait: 1, most: 1 },
  )
  const [bad, good] = await Promise.allSettled([batch.add('bad'), batch.add('good')])
  assert.equal(bad.status, 'rejected')
  assert.equal(good.status, 'fulfilled')
})

test('what waits is written before the end', async () => {
  const written: number[] = []
  const batch = batched(
    async (items: number[]) => {
      written.push(...items)
      return items
    },
    { wait: 60_000, most: 100 },
  )
  void batch.add(1)
  await batch[Symbol.asyncDispose]()
  assert.deepEqual(written, [1])
})
