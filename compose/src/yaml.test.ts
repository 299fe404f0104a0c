import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, readCompose } from '../testing/projects.ts'
import { ProjectError } from './project-error.ts'
import { parseYaml, plain } from './yaml.ts'

test('merge keys take a map or a list of maps; the first wins, and what the service says itself wins over both', async () => {
  const { one, two } = (await read(fixture('yaml-merge-keys'))).composition.services
  assert.deepEqual([one!['restart'], one!['privileged']], ['unless-stopped', false])
  assert.deepEqual([two!['restart'], two!['privileged'], two!.build!.context], ['unless-stopped', true, '.'])
})

test('no, 22:22, 0755 and a dot are what YAML 1.2 says', async () => {
  const web = (await read(fixture('yaml-core-not-1.1'))).composition.services['web']!
  assert.equal(web['restart'], 'no')
  assert.deepEqual(web['ports'], ['22:22'])
  assert.deepEqual(web.environment, { COUNTRY: 'no', ANSWER: 'yes', MODE: '0755', TIME: '12:30:45' })
  assert.equal(web.build!.context, '.')
})

test('a fault of YAML is told with its line', () => {
  assert.throws(
    () => parseYaml('a: 1\nb: [1, 2\nc: 3\n', 'x.yml'),
    /^ProjectError: cannot read the file \(x\.yml, line \d\)/,
  )
})

test('a key that stands twice is refused with the line of the second', async () => {
  await assert.rejects(
    readCompose('services:\n  web:\n    image: a\n    image: b\n'),
    /cannot read services\.web\.image \(docker-compose\.yml, line 4\): the key stands here for the second time/,
  )
})

test('a complaint about a merged value names the line of the value', async () => {
  const text = 'x-all: &all\n  logging: {}\nservices:\n  web:\n    <<: *all\n    image: a\n'
  await assert.rejects(
    readCompose(text),
    /services\.web\.logging \(docker-compose\.yml, line 2, service web\)/,
  )
})

test('a file that unfolds without end is refused', () => {
  const rows = Array.from(
    { length: 30 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
  )
  assert.throws(() => parseYaml(['a0: &a0 x', ...rows].join('\n'), 'x.yml'), /unfolds to more than/)
})

test('an anchor inside of itself and nesting without end are refused', () => {
  assert.throws(() => parseYaml('a: &a\n  b: *a\n', 'x.yml'), ProjectError)
  assert.throws(() => parseYaml('['.repeat(50_000), 'x.yml'), ProjectError)
})

test('numbers that JSON cannot hold stay text', () => {
  assert.deepEqual(plain(parseYaml('a: .inf\nb: 0x10\nc: ~\n', 'x.yml')), { a: '.inf', b: 16, c: null })
})

test('a file of two documents is refused', () => {
  assert.throws(() => parseYaml('a: 1\n---\nb: 2\n', 'x.yml'), /multiple documents/)
})
