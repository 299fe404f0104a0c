import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeenLines } from './seen-lines.ts'

const line = (message: string, createdAt: number, timestamp = createdAt) => ({
  message,
  createdAt,
  timestamp,
  isSystem: false,
  serviceId: 1,
})

const told = (seen: SeenLines, lines: ReturnType<typeof line>[]) =>
  lines.filter((each) => seen.isNew(each)).map(({ message }) => message)

test('a connection that is taken up again tells what came meanwhile, and nothing twice', () => {
  const seen = new SeenLines()
  const past = [line('a', 100_000), line('b', 200_000), line('c', 200_000)]
  assert.deepEqual(told(seen, past), ['a', 'b', 'c'])
  seen.reconnected()
  assert.deepEqual(told(seen, [...past, line('d', 200_000), line('e', 201_000)]), ['d', 'e'])
  seen.reconnected()
  assert.deepEqual(told(seen, [...past, line('d', 200_000), line('e', 201_000), line('f', 202_000)]), ['f'])
})

test('equal lines of one moment are told as often as they came', () => {
  const seen = new SeenLines()
  assert.equal(told(seen, [line('x', 1), line('x', 1)]).length, 2)
  seen.reconnected()
  assert.equal(told(seen, [line('x', 1), line('x', 1), line('x', 1)]).length, 1)
})

test("a device's clock that goes wrong loses and doubles nothing", () => {
  const seen = new SeenLines()
  const future = line('from 2040', 100_000, 2_208_988_800_000)
  assert.deepEqual(told(seen, [future]), ['from 2040'])
  seen.reconnected()
  assert.deepEqual(told(seen, [line('from 1970', 101_000, 5), future]), ['from 1970'])
})

test('what is kept stays small', () => {
  const seen = new SeenLines()
  for (let i = 0; i < 50_000; i++) seen.isNew(line('tick', i * 100))
  seen.reconnected()
  assert.equal(seen.isNew(line('tick', 49_999 * 100)), false)
  assert.equal(seen.isNew(line('tick', 10 * 100)), false)
})
