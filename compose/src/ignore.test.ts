import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, written } from '../testing/projects.ts'
import { contextOf } from './build.ts'
import { ignoresOf } from './ignore.ts'

async function sent(name: string): Promise<string[][]> {
  const files = fixture(name)
  const { services } = await read(files)
  return services.map(({ build }) =>
    [...contextOf(files, build!)]
      .flatMap(({ path, entry }) => (entry.type === 'file' ? [path] : []))
      .toSorted(),
  )
}

test('patterns are read as Docker reads them', () => {
  const cases: [pattern: string, path: string, out: boolean][] = [
    ['node_modules', 'node_modules/a/b.js', true],
    ['node_modules', 'web/node_modules/a', false],
    ['**/node_modules', 'web/node_modules/a', true],
    ['**/node_modules', 'node_modules/a', true],
    ['/a/b/', 'a/b', true],
    ['./a/../b', 'b/c', true],
    ['*.md', 'README.md', true],
    ['*.md', 'docs/README.md', false],
    ['*/*.md', 'docs/README.md', true],
    ['docs/**', 'docs/a/b', true],
    ['docs/**', 'docs', false],
    ['**/*.o', 'a/b/c.o', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a**z', 'abz', false],
    ['?.txt', 'a.txt', true],
    ['?.txt', 'ab.txt', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a-c]x', '/x', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['.', 'a', false],
    ['/', 'a', false],
    ['  a  ', 'a', true],
    ['# a', 'a', false],
    [' # a', '# a', true],
    ['*', 'a/b', true],
    ['../a', 'a', false],
    ['A', 'a', false],
  ]
  for (const [pattern, path, out] of cases)
    assert.equal(ignoresOf(pattern)(path), out, `${pattern} on ${path}`)
})

test('the last pattern that meets a path or a folder above it decides', () => {
  const ignores = ignoresOf('*\n!src\nsrc/*.tmp\n!src/keep.tmp\n')
  assert.deepEqual(
    ['a', 'src/a', 'src/deep/a.tmp', 'src/a.tmp', 'src/keep.tmp'].map((path) => ignores(path)),
    [true, false, false, true, false],
  )
})

test('what defines the build always gets there, .git and .balena never do, but for the emulator', () => {
  const ignores = ignoresOf('**\n')
  assert.deepEqual(
    ['Dockerfile', 'a/Dockerfile.template', 'docker-compose.yml', '.dockerignore', 'web.Dockerfile'].map(
      (path) => ignores(path),
    ),
    [false, false, false, false, true],
  )
  const none = ignoresOf('')
  assert.deepEqual(
    [
      '.git/config',
      'sub/.git',
      '.gitignore',
      '.balena/secrets/a',
      '.balena/balena.yml',
      '.balena/qemu-execve',
      'x/.resin/a/qemu-execve',
    ].map((path) => none(path)),
    [true, true, false, true, true, false, true],
  )
})

test('a file that ignores Dockerfile and compose file hides neither', async () => {
  assert.deepEqual(await sent('ignore-names-what-builds'), [
    ['.dockerignore', 'Dockerfile', 'data.txt', 'docker-compose.yml'],
  ])
})

test('each service has the ignore file of its own context', async () => {
  assert.deepEqual(await sent('ignore-per-service'), [
    ['Dockerfile', 'data.txt'],
    ['.dockerignore', 'Dockerfile', 'data.txt'],
  ])
})

test('one beside the Dockerfile counts instead', async () => {
  assert.deepEqual(await sent('ignore-per-dockerfile'), [
    ['.dockerignore', 'Dockerfile', 'Dockerfile.dockerignore', 'data.txt'],
  ])
})

test('negations bring files back, lines may end in CRLF', async () => {
  assert.deepEqual(await sent('dockerignore'), [['.dockerignore', 'Dockerfile', 'docs/keep.md']])
  assert.ok(!(await sent('crlf'))[0]!.includes('NOTES.md'))
})

test('a broken pattern is refused with its line', async () => {
  for (const pattern of ['[a', 'a\\', '[]']) {
    const files = written({ Dockerfile: 'FROM scratch', '.dockerignore': `a\n${pattern}\n` })
    await assert.rejects(read(files), /cannot read the pattern .* \(\.dockerignore, line 2\)/)
  }
})

test('no pattern takes for ever', { timeout: 5000 }, () => {
  const ignores = ignoresOf(`${'*a'.repeat(60)}b\n${'**/a'.repeat(60)}\n`)
  assert.equal(ignores('b/'.repeat(100) + 'a'.repeat(200)), false)
})
