import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, written } from '../testing/projects.ts'

const project = (settings: string, more: Record<string, string> = {}) =>
  read(written({ Dockerfile: 'FROM scratch', '.balena/balena.yml': settings, ...more }))

test('build variables of a service win over global ones, and those of the fleet over both', async () => {
  const { services } = await read(fixture('build-settings'))
  assert.deepEqual(services[0]!.build!.args, { A: 'global', B: 'main' })
  const fleet = await read(fixture('build-settings'), { buildVariables: { A: 'fleet' } })
  assert.deepEqual(fleet.services[0]!.build!.args, { A: 'fleet', B: 'main' })
})

test("arguments of the compose file are the project's weakest", async () => {
  const compose = 'services: { web: { build: { context: ., args: [A=compose, B=compose, C, D] } } }'
  const files = {
    'docker-compose.yml': compose,
    Dockerfile: 'FROM scratch',
    '.balena/balena.json': '{"build-variables":{"global":{"B":"b"}}}',
  }
  const { services } = await read(written(files), { buildVariables: { C: 'c' } })
  assert.deepEqual(services[0]!.build!.args, { A: 'compose', B: 'b', C: 'c' })
})

test('secrets and logins are read, and are no part of the composition', async () => {
  const { settings, composition } = await read(fixture('build-settings'))
  assert.deepEqual(settings.buildSecrets.global, [
    { source: 'token.txt', dest: 'token', content: Buffer.from('not so secret\n') },
  ])
  assert.deepEqual(settings.registrySecrets, { 'registry.example:5000': { username: 'u', password: 'p' } })
  assert.ok(!JSON.stringify(composition).includes('secret'))
})

test('the old name of the folder still counts', async () => {
  const files = { Dockerfile: 'FROM scratch', '.resin/resin.yml': 'build-variables: { global: [A=1] }' }
  assert.deepEqual((await read(written(files))).settings.buildVariables.global, { A: '1' })
})

test('settings for a service that does not exist are warned of', async () => {
  const { warnings } = await project('build-variables: { services: { web: [A=1] } }')
  assert.match(warnings[0]!.text, /name a service web, which does not exist/)
})

const refused: Record<string, RegExp> = {
  'build-variables: { global: [A=] }': /NAME=value, with a value/,
  'build-variables: { global: { A: 1 } }': /put it in quotes/,
  'build-variables: { all: {} }': /build-variables\.all/,
  'build-secrets: { global: [{ source: a, dest: ../a }] }': /no name below \/run\/secrets/,
  'build-secrets: { global: [{ source: ../balena.yml, dest: a }] }': /there is no file/,
  'build-secrets: { global: [{ source: a }] }': /it has no dest/,
  '[': /cannot read the file \(\.balena\/balena\.yml/,
}

for (const [settings, sentence] of Object.entries(refused)) {
  test(`settings are refused: ${settings}`, () => assert.rejects(project(settings), sentence))
}

test('more than one settings file is refused', async () => {
  await assert.rejects(
    project('{}', { '.balena/balena.json': '{}' }),
    /there are .*balena\.yml and .*balena\.json · keep one/,
  )
})
