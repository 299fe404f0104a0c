import assert from 'node:assert/strict'
import test from 'node:test'
import { Bench } from './testing/bench.ts'

const bounded = { timeout: 90_000 }
const megabyte = 1 << 20
const layers = [2, 2, 2, 2, 2].map((size) => size * megabyte)

/** A device that has half of an image of five layers, from a slow registry. */
async function halfway() {
  const bench = await Bench.start()
  await bench.boot()
  bench.registry.bytesPerSecond = megabyte
  const image = bench.image(undefined, layers)
  bench.release('aaaaaa01', { web: { image } })
  await bench.until('half is sent', () => bench.registry.bytesSent > 6 * megabyte)
  return { bench, image }
}

/** Of each of the layers that come at a time the registry may have sent a little that did not arrive. */
function littleWasSentTwice({ registry }: Bench): void {
  assert.ok(registry.bytesSentTwice < 0.6 * megabyte, `${registry.bytesSentTwice} bytes were sent twice`)
}

test('a supervisor that is killed during a download goes on where it was', bounded, async () => {
  const { bench } = await halfway()
  await using _ = bench
  await bench.end('SIGKILL')
  assert.ok(bench.registry.bytesSent < 10 * megabyte, 'it was killed before the end')
  await bench.boot()
  await bench.runs('aaaaaa01')
  littleWasSentTwice(bench)
})

test('a config change during a download disturbs nothing', bounded, async () => {
  const { bench, image } = await halfway()
  await using _ = bench
  bench.release('aaaaaa01', { web: { image, environment: { LEVEL: 'high' } } })
  await bench.runs('aaaaaa01')
  assert.equal(bench.registry.bytesSentTwice, 0)
})

test('a platform that goes away during a download costs nothing of what has come', bounded, async () => {
  const { bench } = await halfway()
  await using _ = bench
  await bench.platform.down()
  await new Promise((resolve) => setTimeout(resolve, 500))
  await bench.platform.up()
  await bench.runs('aaaaaa01', 60_000)
  littleWasSentTwice(bench)
})

test(
  'what was kept of a download is removed once the image is there, or no longer wanted',
  bounded,
  async () => {
    const { bench } = await halfway()
    await using _ = bench
    bench.registry.bytesPerSecond = 0
    bench.release('bbbbbb02', { web: { image: bench.image(undefined, layers) } })
    await bench.runs('bbbbbb02')
    assert.deepEqual(await bench.downloads(), [])
  },
)

test('kept bytes that are damaged are thrown away and fetched anew', bounded, async () => {
  const { bench } = await halfway()
  await using _ = bench
  await bench.end('SIGKILL')
  await bench.damageDownloads()
  bench.registry.bytesPerSecond = 0
  await bench.boot()
  await bench.runs('aaaaaa01', 60_000)
})
