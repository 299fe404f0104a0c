import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read, written } from '../testing/projects.ts'
import { ProjectError } from './project-error.ts'

const KEYS =
  'services web build image volumes networks labels environment env_file ports depends_on command restart deploy gpus devices tmpfs healthcheck extra_hosts context args profiles ulimits << x-a'.split(
    ' ',
  )
const VALUES = [
  '',
  'a',
  '.',
  '../..',
  '{}',
  '[]',
  '[a, b]',
  '{ a: b }',
  '1',
  '-1',
  'true',
  '~',
  '*x',
  '&x a',
  '$A',
  '"${A:-',
  "'",
  '[[',
  ': :',
  '__proto__',
  'constructor',
  '!!set {a}',
  '!!binary aGk=',
  '? [a]',
  '\t',
  '|',
  'a:b:c:d',
  '2020-01-01',
]

/** The same every time, so that a failure can be told by its seed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => (state = (state * 48271) % 2147483647) % below
}

test('whatever a project holds, only a ProjectError comes of it', async () => {
  const next = random(20)
  const pick = (from: readonly string[]) => from[next(from.length)]!
  for (let round = 0; round < 1500; round++) {
    const lines = Array.from(
      { length: next(12) },
      () => `${'  '.repeat(next(4))}${next(5) ? `${pick(KEYS)}: ` : '- '}${pick(VALUES)}`,
    )
    const text = `${next(3) ? 'services:\n  web:\n    image: a\n' : ''}${lines.join('\n')}\n`
    const other = [pick(VALUES), `${pick(KEYS)}: ${pick(VALUES)}`, `A=${pick(VALUES)}`].join('\n')
    const files = {
      'docker-compose.yml': text,
      Dockerfile: 'FROM a',
      '.env': other,
      '.dockerignore': other,
      'balena.yml': other,
      a: other,
      ...(next(4) === 0 ? { '.balena/balena.yml': `build-variables:\n  global: ${pick(VALUES)}\n` } : {}),
    }
    try {
      JSON.stringify(await read(written(files)))
    } catch (error) {
      assert.ok(
        error instanceof ProjectError,
        `round ${round}: ${JSON.stringify(files)}: ${(error as Error).stack}`,
      )
      assert.match(error.message, /^cannot /)
    }
  }
})

test('texts made for slowness are read, or refused, in a moment', { timeout: 20_000 }, async () => {
  const many = 250_000
  const texts = [
    `services: { web: { image: '${'${A:-'.repeat(many / 10)}' } }`,
    `services: { web: { image: a, command: '${'$$'.repeat(many)}' } }`,
    `services: { web: { image: '${'a/'.repeat(many)}' } }`,
    `a: ${'{a: '.repeat(20_000)}`,
    `services: { web: { image: a, ports: ['${'1-'.repeat(many)}'] } }`,
  ]
  for (const text of texts) {
    const files = written({ 'docker-compose.yml': text, '.env': `A="${'\n'.repeat(many)}` })
    await read(files).catch((error: unknown) => assert.ok(error instanceof ProjectError, String(error)))
  }
})
