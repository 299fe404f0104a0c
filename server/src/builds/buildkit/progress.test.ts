import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BuildProgress } from './progress.ts'
import { bytesField, fieldsOf, numberField } from './protobuf.ts'
import { readTrace, type Trace, type Vertex } from './trace.ts'

const nothing: Trace = { vertexes: [], statuses: [], logs: [], warnings: [] }
const step = (more: Partial<Vertex>): Trace => ({
  ...nothing,
  vertexes: [{ digest: 'a', name: '[2/5] RUN npm ci', cached: false, error: '', ...more }],
})
const output = (text: string): Trace => ({ ...nothing, logs: [{ vertex: 'a', text: Buffer.from(text) }] })
const texts = (progress: BuildProgress, trace: Trace) => progress.lines(trace).map(({ text }) => text)

test('a step is told when it begins, once, and a long one with the time that it took', () => {
  const progress = new BuildProgress()
  assert.deepEqual(texts(progress, step({})), [])
  assert.deepEqual(texts(progress, step({ started: 1000 })), ['[2/5] RUN npm ci'])
  assert.deepEqual(texts(progress, step({ started: 1000 })), [])
  assert.deepEqual(texts(progress, step({ started: 1000, completed: 3500 })), ['[2/5] took 2.5 s'])
  assert.deepEqual(texts(progress, step({ started: 1000, completed: 3500 })), [])
})

test('a step from the cache says so', () => {
  const cached = step({ cached: true, started: 1000, completed: 1000 })
  assert.deepEqual(texts(new BuildProgress(), cached), ['[2/5] RUN npm ci · cached'])
})

test("the engine's own steps are left out", () => {
  const progress = new BuildProgress()
  for (const name of [
    '[internal] load build definition',
    'exporting to image',
    '[auth] library/alpine:pull',
    'copy /context /',
  ])
    assert.deepEqual(texts(progress, step({ digest: name, name, started: 1 })), [], name)
})

test('output is told by whole lines, the last one also without its end, and characters are never cut in two', () => {
  const progress = new BuildProgress()
  const [first, second] = [Buffer.from('one\ngrö').subarray(0, 7), Buffer.from('one\ngrö').subarray(7)]
  assert.deepEqual(progress.lines({ ...nothing, logs: [{ vertex: 'a', text: first }] }), [{ text: 'one' }])
  assert.deepEqual(progress.lines({ ...nothing, logs: [{ vertex: 'a', text: second }] }), [])
  assert.deepEqual(texts(progress, output('ße\r\n10 %\r20 %\rend')), ['größe'])
  assert.deepEqual(texts(progress, step({ started: 1, completed: 2 })), ['[2/5] RUN npm ci', 'end'])
})

test('what is pulled is a passing line', () => {
  const status = { id: `sha256:${'ab'.repeat(32)}`, vertex: 'a', current: 1e6, total: 4e6, completed: false }
  assert.deepEqual(new BuildProgress().lines({ ...nothing, statuses: [status] }), [
    { text: 'abababababab 25 % of 4.0 MB', passing: true },
  ])
})

test("BuildKit's message is read, with what we do not know in it", () => {
  const vertex = Buffer.concat([
    bytesField(1, 'sha256:1'),
    bytesField(3, '[1/2] FROM a'),
    numberField(4, 1),
    bytesField(5, Buffer.concat([numberField(1, 1_700_000_000), numberField(2, 500_000_000)])),
    bytesField(8, 'a field of tomorrow'),
  ])
  const log = Buffer.concat([bytesField(1, 'sha256:1'), numberField(3, 1), bytesField(4, 'hello\n')])
  const trace = readTrace(Buffer.concat([bytesField(1, vertex), bytesField(3, log)]))
  assert.equal(trace.vertexes[0]!.name, '[1/2] FROM a')
  assert.equal(trace.vertexes[0]!.started, 1_700_000_000_500)
  assert.equal(trace.vertexes[0]!.completed, undefined)
  assert.equal(trace.logs[0]!.text.toString(), 'hello\n')
})

test('numbers of any size and cut off messages', () => {
  for (const value of [0, 127, 128, 300, 2 ** 31, 2 ** 45])
    assert.deepEqual([...fieldsOf(numberField(9, value))], [{ number: 9, value }])
  assert.throws(() => [...fieldsOf(bytesField(1, 'hello').subarray(0, 4))], /cut off/)
})
