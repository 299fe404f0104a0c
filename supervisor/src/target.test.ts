import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { targetState } from '@copal/wire/target-state.ts'
import { checkTarget, keepTarget, readTarget, TargetError } from './target.ts'

const uuid = '0123456789abcdef0123456789abcdef'
const good = () => ({
  [uuid]: {
    name: 'wispy-lake',
    config: { RESIN_SUPERVISOR_POLL_INTERVAL: '900000' },
    apps: {
      b0b0: {
        id: 10,
        name: 'myfleet',
        is_host: false,
        class: 'fleet',
        releases: {
          c1c1: {
            id: 30,
            services: {
              web: {
                id: '40',
                image_id: 60,
                image: 'registry.example/v2/0a1b@sha256:11',
                environment: { LEVEL: 'info' },
                labels: {},
                contract: { type: 'sw.container' },
                composition: { restart: 'always' },
              },
            },
            volumes: { data: {}, other: null },
            networks: {},
          },
        },
      },
      empty: { id: 11, name: 'nothing to run' },
    },
  },
})

/** Ways to spoil the document, each at one place; `undefined` takes the field away. */
const spoiled: [string[], unknown][] = [
  [[], null],
  [[uuid], undefined],
  [[uuid, 'name'], undefined],
  [[uuid, 'name'], 'two\nlines'],
  [[uuid, 'name'], 'x'.repeat(256)],
  [[uuid, 'config'], undefined],
  [[uuid, 'config', 'bad name'], 'x'],
  [[uuid, 'config', 'A'], 1],
  [[uuid, 'apps'], []],
  [[uuid, 'apps', 'b0b0', 'id'], 'ten'],
  [[uuid, 'apps', 'b0b0', 'id'], -1],
  [[uuid, 'apps', 'b0b0', 'id'], 1.5],
  [[uuid, 'apps', 'b0b0', 'name'], undefined],
  [[uuid, 'apps', 'b0b0', 'class'], 'other'],
  [[uuid, 'apps', 'b0b0', 'is_host'], 'yes'],
  [[uuid, 'apps', 'b0b0', 'releases', 'c1c1', 'id'], undefined],
  [[uuid, 'apps', 'b0b0', 'releases', 'c1c1', 'volumes', '-x'], {}],
  [[uuid, 'apps', 'b0b0', 'releases', 'c1c1', 'networks', 'n'], 'x'],
  ...(
    [
      ['image', 7],
      ['image', 'x'.repeat(256)],
      ['image_id', undefined],
      ['environment', undefined],
      ['environment', { '1A': 'x' }],
      ['environment', { A: 1 }],
      ['labels', undefined],
      ['labels', { a: true }],
      ['running', 'no'],
      ['composition', []],
    ] as [string, unknown][]
  ).map(([key, value]): [string[], unknown] => [
    [uuid, 'apps', 'b0b0', 'releases', 'c1c1', 'services', 'web', key],
    value,
  ]),
]

test('a good document is taken as the wire reads it', () => {
  const read = checkTarget(good(), uuid)
  assert.deepEqual(JSON.parse(JSON.stringify(read)), targetState.parse(good())[uuid])
})

test('fields that nobody knows are passed over', () => {
  const document: Record<string, unknown> = structuredClone(good())
  Object.assign(document[uuid] as object, { future: [1, 2] })
  assert.deepEqual(Object.keys(checkTarget(document, uuid)), ['name', 'config', 'apps'])
})

for (const [path, value] of spoiled) {
  const what = JSON.stringify(value)?.slice(0, 30) ?? 'nothing'
  test(`a document with ${what} at ${path.slice(1).join('.') || 'the top'} is refused, as the wire does`, () => {
    const document = spoil(good(), path, value)
    assert.throws(() => checkTarget(document, uuid), TargetError)
    const wire = targetState.safeParse(document)
    assert.ok(!wire.success || wire.data[uuid] === undefined)
  })
}

test('a refusal names the place', () => {
  const path = [uuid, 'apps', 'b0b0', 'releases', 'c1c1', 'services', 'web', 'image']
  assert.throws(
    () => checkTarget(spoil(good(), path, 7), uuid),
    /^TargetError|apps\.b0b0\.releases\.c1c1\.services\.web\.image must be text/,
  )
})

test('what is kept on disk comes back, and what is damaged counts as none', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'copal-target-'))
  t.after(() => rm(state, { recursive: true }))
  assert.equal(await readTarget(state, uuid), undefined)
  await keepTarget(state, '"e1"', good())
  const kept = await readTarget(state, uuid)
  assert.equal(kept?.etag, '"e1"')
  assert.equal(kept?.device.name, 'wispy-lake')
  await writeFile(join(state, 'target.json'), '{"etag":"e2","state":{"x":')
  assert.equal(await readTarget(state, uuid), undefined)
})

function spoil(document: unknown, path: string[], value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const copy = { ...(document as Record<string, unknown>) }
  if (rest.length === 0 && value === undefined) delete copy[key]
  else copy[key] = spoil(copy[key], rest, value)
  return copy
}
