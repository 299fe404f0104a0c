// What comes in as text: paths, ranges, scopes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRepositoryName, parsePath } from './path.ts'
import { parseChunkRange, parseRange } from './range.ts'
import { parseScopes } from './scopes.ts'

test('repository names may have any depth, and may contain the words that paths are made of', () => {
  const name = 'v2/0123456789abcdef0123456789abcdef'
  assert.deepEqual(parsePath('/v2/'), { kind: 'root' })
  assert.deepEqual(parsePath(`/v2/${name}/manifests/latest`), { kind: 'manifest', name, reference: 'latest' })
  assert.deepEqual(parsePath(`/v2/${name}/manifests/sha256%3Aab`), {
    kind: 'manifest',
    name,
    reference: 'sha256:ab',
  })
  assert.deepEqual(parsePath(`/v2/${name}/blobs/sha256:ab`), { kind: 'blob', name, digest: 'sha256:ab' })
  assert.deepEqual(parsePath(`/v2/${name}/blobs/uploads/`), { kind: 'uploads', name })
  assert.deepEqual(parsePath(`/v2/${name}/blobs/uploads/1`), { kind: 'upload', name, id: '1' })
  assert.deepEqual(parsePath('/v2/a/blobs/b/tags/list'), { kind: 'tags', name: 'a/blobs/b' })
  assert.deepEqual(parsePath('/v2/manifests/manifests/manifests/a'), {
    kind: 'manifest',
    name: 'manifests/manifests',
    reference: 'a',
  })
  for (const path of [
    '/v2/a',
    '/v2/manifests/a',
    '/v2/_catalog',
    '/v2/a/manifests/',
    '/v2/%E0%A4%A/tags/list',
  ])
    assert.equal(parsePath(path), undefined, path)
})

test('repository names are those of the specification: nothing climbs out, nothing is in capitals', () => {
  for (const name of ['a', 'a/b/c', 'balena_os/amd64-supervisor/latest', 'a.b__c--d'])
    assert.ok(isRepositoryName(name), name)
  for (const name of ['', '..', 'a/../b', 'A', 'a//b', '/a', 'a/', 'a b', '-a', 'a'.repeat(256)])
    assert.ok(!isRepositoryName(name), name)
})

test('a range that cannot be read is ignored, one beyond the end is not satisfiable', () => {
  assert.deepEqual(parseRange('bytes=0-9', 100), { start: 0, end: 9 })
  assert.deepEqual(parseRange('bytes=-4', 100), { start: 96, end: 99 })
  assert.deepEqual(parseRange('bytes=-400', 100), { start: 0, end: 99 })
  for (const header of [undefined, 'bytes=-', 'bytes=5-4', 'bytes=0-1,5-6', 'lines=0-1'])
    assert.equal(parseRange(header, 100), undefined)
  for (const [header, size] of [
    ['bytes=100-', 100],
    ['bytes=-0', 100],
    ['bytes=0-0', 0],
    ['bytes=-1', 0],
  ] as const)
    assert.equal(parseRange(header, size), 'unsatisfiable')
})

test('a chunk says where it lies in either of two spellings', () => {
  assert.deepEqual(parseChunkRange('0-99'), { start: 0, end: 99 })
  assert.deepEqual(parseChunkRange('bytes 100-199/*'), { start: 100, end: 199 })
  for (const header of ['', '5', '9-5', 'bytes */100']) assert.equal(parseChunkRange(header), undefined)
})

test('a scope may name a host with its port, ask for nothing, or be nonsense', () => {
  assert.deepEqual(parseScopes('scope=repository:host:5000/a/b:pull'), [
    { type: 'repository', name: 'host:5000/a/b', actions: ['pull'] },
  ])
  assert.deepEqual(
    parseScopes('scope=repository:a:&scope%5B1%5D=registry:catalog:*&scope=nonsense&service=x'),
    [
      { type: 'repository', name: 'a', actions: [] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ],
  )
})
