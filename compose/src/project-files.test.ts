import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, written } from '../testing/projects.ts'
import { contextOf } from './build.ts'
import { TEXT_LIMIT } from './project-files.ts'

const compose = 'services: { web: { image: a, env_file: web.env } }'

test('links that lead nowhere or out travel as links and hinder nobody', async () => {
  const files = fixture('link-dangling')
  const { services, warnings } = await read(files)
  const links = [...contextOf(files, services[0]!.build!)].filter(({ entry }) => entry.type === 'link')
  assert.deepEqual(links.map(({ path, entry }) => `${path} ${entry.linkTarget}`).toSorted(), [
    'absolute /home/somebody/notes',
    'broken nowhere/at/all',
    'up ../../../etc/passwd',
  ])
  assert.deepEqual(warnings, [])
})

test('a .env that leads out is passed over with a warning', async () => {
  const { warnings } = await read(fixture('link-dot-env-absolute'))
  assert.match(
    warnings[0]!.text,
    /^\.env is passed over: cannot follow the link \.env .* points to \/home\/somebody\/\.env/,
  )
})

test('links inside of the project are followed, to files and folders', async () => {
  const { services } = await read(fixture('link-env-file-inside'))
  assert.deepEqual(services[0]!.environment, { A: '1', B: 'from compose' })
  const folder = await read(fixture('link-folder-as-context'))
  assert.equal(folder.services[0]!.build!.context, 'real')
  const ignored = await read(fixture('link-ignore-file-inside'))
  assert.equal(ignored.services[0]!.build!.ignores('NOTES.md'), true)
})

test('an env file out of the project is refused, spelt or linked', async () => {
  const up = 'services: { web: { image: a, env_file: ../web.env } }'
  await assert.rejects(
    read(written({ 'docker-compose.yml': up })),
    /\.\.\/web\.env is outside of the project/,
  )
  const through = written({
    'docker-compose.yml': compose,
    'web.env': { to: 'up/web.env' },
    up: { to: '..' },
  })
  await assert.rejects(read(through), /cannot follow the link up .* points to \.\., outside/)
})

test('links in a circle are refused', async () => {
  const files = written({ 'docker-compose.yml': compose, 'web.env': { to: 'b' }, b: { to: './web.env' } })
  await assert.rejects(read(files), /goes round in a circle/)
})

test('a path that climbs out of the archive is refused', async () => {
  for (const path of ['../a', '/etc/passwd', 'a/../../b']) {
    await assert.rejects(
      read(written({ [path]: '', Dockerfile: 'FROM scratch' })),
      /its path climbs out of the project/,
    )
  }
})

test('paths with ./ in front, as archives have them, are the same paths', async () => {
  const { services } = await read(
    written({
      './web/Dockerfile': 'FROM scratch',
      './docker-compose.yml': 'services: { web: { build: web } }',
    }),
  )
  assert.equal(services[0]!.build!.dockerfile.path, 'web/Dockerfile')
})

test('a file of more than a mebibyte is no description of a project', async () => {
  await assert.rejects(read(written({ Dockerfile: 'x'.repeat(TEXT_LIMIT + 1) })), /larger than 1048576 bytes/)
})
