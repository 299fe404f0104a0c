import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../problems.ts'
import { parse } from './parse.ts'
import { samples } from './samples.ts'
import { seededRandom } from '../seeded-random.ts'

test('every request that was recorded from genuine clients is understood', () => {
  for (const sample of samples) assert.doesNotThrow(() => parse(sample), sample)
})

test('a key is a number, a natural key, or several in any order', () => {
  const keyOf = (url: string) => {
    const { key, values } = parse(url)
    return Object.fromEntries(key!.map(({ field, value }) => [field, values[(value as { at: number }).at]]))
  }
  assert.deepEqual(keyOf('device(20)'), { id: 20 })
  assert.deepEqual(keyOf("device(uuid='ab')"), { uuid: 'ab' })
  assert.deepEqual(keyOf("organization(handle='o''x')"), { handle: "o'x" })
  assert.deepEqual(keyOf("release_asset(asset_key='a.txt',release=30)"), { asset_key: 'a.txt', release: 30 })
  assert.deepEqual(keyOf("device(uuid=@uuid)/canAccess?@uuid='ab'"), { uuid: 'ab' })
  assert.deepEqual(
    parse("release_asset(asset_key='a.txt',release=30)").key,
    parse("release_asset(asset_key='a.txt',release=30)").key,
  )
})

test('requests that differ in their literals only have the same shape', () => {
  const shape = (url: string) => ({ ...parse(url), values: [] })
  assert.deepEqual(
    shape("device?$filter=uuid eq 'a' and id in (1,2)&$skip=5"),
    shape("device?$filter=uuid eq 'b' and id in (3)&$skip=10"),
  )
  assert.notDeepEqual(shape('device?$filter=id eq 1'), shape("device?$filter=id eq 'a'"))
})

test('operators bind as in OData: not, then comparison, then and, then or', () => {
  const text = (expression: any): string => {
    switch (expression.is) {
      case 'path':
        return expression.steps.join('/')
      case 'not':
        return `not[${text(expression.of)}]`
      case 'operation':
        return `[${text(expression.left)} ${expression.operator} ${text(expression.right)}]`
      default:
        return expression.is
    }
  }
  const read = (filter: string) => text(parse(`x?$filter=${filter}`).options.filter)
  assert.equal(read('a or b and c'), '[a or [b and c]]')
  assert.equal(read('not(a) and b'), '[not[a] and b]')
  assert.equal(read('a eq b add c mul d'), '[a eq [b add [c mul d]]]')
  assert.equal(read('a sub b sub c eq d'), '[[[a sub b] sub c] eq d]')
  assert.equal(read('(a or b) and c'), '[[a or b] and c]')
})

test('a plus stays a plus, a semicolon inside a text splits nothing, and %26 is not a separator', () => {
  const { values } = parse("x?$filter=a eq 'b+c;d%26e' and f eq 1&$expand=y($filter=z eq 'p;q)';$top=1)")
  assert.deepEqual(values, ['b+c;d&e', 1, 'p;q)'])
})

test('dates are dates in all their spellings, and what is none is refused', () => {
  for (const date of [
    "datetime'2024-01-01T00:00:00.000Z'",
    '2024-01-01T00:00:00Z',
    '2024-01-01',
    "date'2024-01-01'",
  ])
    assert.deepEqual(parse(`x?$filter=a eq ${date}`).values, [new Date('2024-01-01T00:00:00Z')], date)
  assert.throws(() => parse("x?$filter=a eq datetime'soon'"), { status: 400 })
})

test('nesting has an end, and so has the number of expands', () => {
  assert.throws(() => parse(`x?$filter=${'('.repeat(5000)}a${')'.repeat(5000)}`), /too deeply/)
  assert.throws(() => parse(`x?$filter=${'not('.repeat(5000)}a${')'.repeat(5000)}`), /too deeply/)
  assert.throws(() => parse(`x?$expand=${'y($expand='.repeat(200)}z${')'.repeat(200)}`), { status: 400 })
  assert.throws(() => parse(`x?$expand=${'y,'.repeat(200)}z`), /more than 100/)
})

test('whatever the text is, the answer is a tree or a 400, and comes soon', () => {
  const random = seededRandom(1)
  const pieces = [
    ..."()'/,;:=$&@%+- ",
    ..."and or not eq ne in any( all( $count $filter= $expand= $select= $top= a b/c 1 1.5 null true datetime' x:".split(
      ' ',
    ),
    'contains(',
    "'it''s'",
    '%27',
    '%zz',
    '\u0000',
    '\u{1F600}',
  ]
  const begin = performance.now()
  for (let round = 0; round < 5000; round++) {
    const broken = samples[Math.floor(random() * samples.length)]!
    const at = Math.floor(random() * broken.length)
    const noise = Array.from(
      { length: 1 + random() * 12 },
      () => pieces[Math.floor(random() * pieces.length)],
    ).join('')
    const url =
      random() < 0.3 ? `x?$filter=${noise}` : broken.slice(0, at) + noise + broken.slice(at + random() * 5)
    try {
      parse(url)
    } catch (error) {
      assert.ok(error instanceof Problem && error.status === 400, `${JSON.stringify(url)}: ${error}`)
    }
  }
  const long = performance.now() - begin
  assert.ok(long < 20_000, `5000 texts took ${Math.round(long)} ms`)
})

test('a text of 16 KB without an end is refused at once', () => {
  for (const text of [
    "'".repeat(16_001),
    `a eq ${'1'.repeat(16_000)}x`,
    ' '.repeat(16_000),
    'a/'.repeat(8000),
  ]) {
    const begin = performance.now()
    assert.throws(() => parse(`x?$filter=${text}`), { status: 400 })
    assert.ok(performance.now() - begin < 200)
  }
})
