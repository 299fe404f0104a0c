import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paced } from './pace.ts'
import { silentUntil } from './silence.ts'

test('a few devices are told at once, a crowd at the given rate, each once', async () => {
  const told: number[] = []
  using pace = paced((device: number) => told.push(device), 500)
  for (let device = 0; device < 40; device++) pace.add(device)
  pace.add(39)
  assert.equal(told.length, 10)
  const start = Date.now()
  while (told.length < 40 && Date.now() - start < 5000) await new Promise((done) => setTimeout(done, 5))
  assert.ok(Date.now() - start >= 40)
  assert.deepEqual(
    told,
    Array.from({ length: 40 }, (_, device) => device),
  )
})

test('a silent loss is known within 6 minutes, whatever the device says of its next ping', () => {
  for (const next of [undefined, 300_000, 86_400_000, Number.NaN, -1]) {
    const silence = silentUntil(0, next)
    assert.ok(silence > 0 && silence <= 6 * 60_000 - 10_000, String(next)) // the sweep comes every 10 s
  }
  assert.equal(silentUntil(0, 30_000), 60_000)
})
