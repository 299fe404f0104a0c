import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, readCompose, written } from '../testing/projects.ts'

test('variables come from a committed .env; a name that nobody defines becomes empty, with a warning', async () => {
  process.env['HOME'] ??= '/root'
  const { composition, warnings } = await read(fixture('dollar-from-dot-env'))
  assert.deepEqual(composition.services['web']!['ports'], ['8080:80'])
  assert.deepEqual(composition.services['web']!.environment, {
    TITLE: 'Kiosk 8080',
    NAME: 'a $b',
    LEVEL: 'info',
    HOME: '',
  })
  assert.deepEqual(warnings, [
    {
      text: '$HOME is not defined and becomes empty · define it in .env or as a build variable, or write $$HOME',
      line: 11,
      service: 'web',
    },
  ])
})

test("the fleet's build variables win over .env", async () => {
  const { composition } = await read(fixture('dollar-from-dot-env'), {
    buildVariables: { PORT: '81', HOME: '/home' },
  })
  assert.deepEqual(composition.services['web']!['ports'], ['81:80'])
  assert.equal(composition.services['web']!.environment!['TITLE'], 'Kiosk 81')
})

test("in commands and health checks, names that nobody defines are left for the container's shell", async () => {
  const { composition, warnings } = await read(fixture('dollar-in-commands'))
  const sidecar = composition.services['sidecar']!
  assert.equal(sidecar['command'], "sh -c 'for i in $(seq 3); do echo ${NAME%%.*} $i $HOME; done'\n")
  assert.deepEqual(sidecar['healthcheck'], { test: ['CMD-SHELL', 'curl http://127.0.0.1:$PORT || exit 1'] })
  assert.deepEqual(sidecar.environment, { SSID: '' })
  assert.deepEqual(
    warnings.map(({ text, line }) => [text.split(' ')[0], line]),
    [
      ['$SSID', 6],
      ['$i', 7],
      ['$PORT', 10],
    ],
  )
})

test('but where they are defined, they are filled in there too', async () => {
  const { composition } = await read(fixture('dollar-in-commands'), { buildVariables: { PORT: '80' } })
  assert.deepEqual(composition.services['sidecar']!['healthcheck'], {
    test: ['CMD-SHELL', 'curl http://127.0.0.1:80 || exit 1'],
  })
})

test('two dollars are one; a dollar that starts nothing stays', async () => {
  const { composition, warnings } = await read(fixture('dollar-doubled'))
  assert.deepEqual(composition.services['web']!.environment, { HASH: '$2y$10$abc', PRICE: '5$' })
  assert.equal(warnings.length, 1)
})

test("the fleet's setting leaves every dollar alone", async () => {
  const { composition } = await read(fixture('dollar-doubled'), { keepDollars: true })
  assert.deepEqual(composition.services['web']!.environment, { HASH: '$$2y$$10$$abc', PRICE: '5$' })
})

test('defaults, alternatives and demands work as in a shell, also one in another', async () => {
  const value = (text: string, buildVariables = {}) =>
    readCompose(`services: { web: { image: a, hostname: '${text}' } }`, { buildVariables }).then(
      ({ composition }) => composition.services['web']!['hostname'],
    )
  assert.equal(await value('${A:-x}${B-y}', { A: '', B: '' }), 'x')
  assert.equal(await value('a${A:+x}${B+y}', { A: '', B: '' }), 'ay')
  assert.equal(await value('${A:-${B:-${C:-deep}}}'), 'deep')
  await assert.rejects(
    value('${A:?say which}'),
    /cannot fill in \$A \(docker-compose\.yml, line 1, service web\): say which/,
  )
})

test('keys are not filled in', async () => {
  const { services } = await readCompose("services: { web: { image: a, labels: { 'a.$b': c } } }")
  assert.deepEqual(services[0]!.labels, { 'a.$b': 'c' })
})

test('a .env of another kind is passed over with a warning, an env_file is refused', async () => {
  const compose = 'services: { web: { image: a } }'
  const { warnings } = await read(written({ 'docker-compose.yml': compose, '.env': '{ "json": 1 }' }))
  assert.match(warnings[0]!.text, /^\.env is passed over: cannot read the line \(\.env, line 1\)/)
  const named = 'services: { web: { image: a, env_file: .env } }'
  await assert.rejects(
    read(written({ 'docker-compose.yml': named, '.env': '{ "json": 1 }' })),
    /cannot read the line \(\.env, line 1\)/,
  )
})

test('values that refer to each other do not grow without end', async () => {
  const rows = Array.from({ length: 64 }, (_, i) => `A${i + 1}=$A${i}$A${i}`)
  const files = written({
    'docker-compose.yml': 'services: { web: { image: a, env_file: e } }',
    e: ['A0=xxxx', ...rows].join('\n'),
  })
  await assert.rejects(read(files), /becomes longer than/)
})

test('quotes of an env file hold blanks, lines, comments and escapes', async () => {
  const e = 'A="x # y\\n\\"z\\" \\$A"\nB=\'$A \\n\'\nC=c # no\nD="one\ntwo"\nE= \nF'
  const { services } = await read(
    written({ 'docker-compose.yml': 'services: { web: { image: a, env_file: e } }', e }),
  )
  assert.deepEqual(services[0]!.environment, {
    A: 'x # y\n"z" $A',
    B: '$A \\n',
    C: 'c',
    D: 'one\ntwo',
    E: '',
  })
})
