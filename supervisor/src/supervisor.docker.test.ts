import assert from 'node:assert/strict'
import test from 'node:test'
import { Bench } from './testing/bench.ts'

const bounded = { timeout: 90_000 }

test('a new device registers, fetches its release, runs it and says so', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.release('aaaaaa01', { web: { image: bench.image() } })
  await bench.runs('aaaaaa01')
  assert.equal(bench.statusOf('aaaaaa01', 'web'), 'Running')
  assert.deepEqual(await bench.states(), { [`web_${0xaaaaaa}_${0xaaaaaa}_aaaaaa01`]: 'running' })
})
