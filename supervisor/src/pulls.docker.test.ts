import assert from 'node:assert/strict'
import test from 'node:test'
import { Bench } from './testing/bench.ts'

const bounded = { timeout: 90_000 }
const megabyte = 1 << 20

test('a supervisor that is killed during a download goes on where it was', bounded, async () => {
  await using bench = await Bench.start()
  await bench.boot()
  bench.registry.bytesPerSecond = megabyte
  const image = bench.image(
    undefined,
    Array.from({ length: 5 }, () => 2 * megabyte),
  )
  const began = Date.now()
  bench.release('aaaaaa01', { web: { image } })
  const total = () => [...bench.registry.sent.values()].reduce((a, b) => a + b, 0)
  await bench.until('half is there', () => total() > 9 * megabyte)
  console.log(Date.now() - began, [...bench.registry.sent.values()])
  await bench.end('SIGKILL')
  await bench.boot()
  await bench.runs('aaaaaa01', 60_000)
  console.log(
    Date.now() - began,
    [...bench.registry.sent.values()],
    bench.registry.served.map((x) => x.slice(7, 14)),
    total() / megabyte,
  )
  assert.ok(total() < 14 * megabyte)
})
