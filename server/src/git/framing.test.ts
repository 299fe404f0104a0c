import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { PackCounter, SideBand } from './framing.ts'

const packet = (content: string) => (content.length + 4).toString(16).padStart(4, '0') + content
const cut = (whole: string, size: number) =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
    Buffer.from(whole.slice(i * size, (i + 1) * size)),
  )

test('a line of ours goes between two packets of git, however they are cut', async () => {
  const first = packet('\u0002fatal: too large\n')
  const last = packet(`\u0001${packet('unpack failed\n')}0000`) + '0000'
  for (let size = 1; size <= 80; size++) {
    const band = new SideBand()
    const passed = text(band)
    band.say('cannot take this')
    for (const chunk of cut(first + last, size)) band.write(chunk)
    band.end()
    assert.equal(await passed, first + packet('\u0002cannot take this\n') + last)
  }
})

test('without side bands nothing is put into the report', async () => {
  const report = packet('unpack ok\n') + packet('ok refs/heads/main\n') + '0000'
  const band = new SideBand()
  const passed = text(band)
  band.say('lost')
  for (const chunk of cut(report, 3)) band.write(chunk)
  band.end()
  assert.equal(await passed, report)
})

test('the pack of a push is counted without the commands before it', () => {
  const commands = packet('a b refs/heads/main\0caps') + packet('c d refs/tags/v1') + '0000'
  for (let size = 1; size <= 60; size++) {
    const counter = new PackCounter()
    for (const chunk of cut(`${commands}PACK1234567`, size)) counter.count(chunk)
    assert.equal(counter.bytes, 11)
  }
})
