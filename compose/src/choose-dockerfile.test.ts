import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixture, read, written } from '../testing/projects.ts'
import type { ProjectFacts } from './read-project.ts'

async function chosen(name: string, changes: Partial<ProjectFacts> = {}) {
  const { services } = await read(fixture(name), changes)
  const { path, kind, content } = services[0]!.build!.dockerfile
  return { path, kind, label: /chosen="(.*)"/.exec(content)?.[1] }
}

test('a file for the device type comes before all others', async () => {
  assert.deepEqual(await chosen('dockerfile-device-type-first'), {
    path: 'Dockerfile.genericx86-64-ext',
    kind: 'Architecture-specific Dockerfile',
    label: 'genericx86-64-ext',
  })
})

test('then one for the architecture, with its variables filled in', async () => {
  const expected = { path: 'Dockerfile.amd64', kind: 'Architecture-specific Dockerfile', label: 'amd64' }
  assert.deepEqual(await chosen('dockerfile-arch-before-template'), expected)
})

test('then the template, then the plain file', async () => {
  const file = await chosen('dockerfile-template-before-plain')
  assert.deepEqual(file, { path: 'Dockerfile.template', kind: 'Dockerfile.template', label: 'template' })
  const { services } = await read(fixture('dockerfile-siblings'))
  assert.equal(services[0]!.build!.dockerfile.path, 'Dockerfile')
})

test('an explicit name may be that of a template, or lie in another folder', async () => {
  const { services } = await read(fixture('dockerfile-explicit-template'))
  assert.deepEqual(
    services.map(({ build }) => [build!.context, build!.dockerfile.path, build!.dockerfile.kind]),
    [
      ['web', 'web/Dockerfile.template', 'Dockerfile.template'],
      ['web', 'docker/Dockerfile.other.template', 'Dockerfile.template'],
    ],
  )
  assert.match(services[0]!.build!.dockerfile.content, /chosen="amd64"/)
})

test('an explicit name may end in another device type, and is a template all the same', async () => {
  assert.deepEqual(await chosen('dockerfile-explicit-other-device-type'), {
    path: 'Dockerfile.jetson-nano',
    kind: 'Standard Dockerfile',
    label: 'jetson on amd64',
  })
})

test('a plain Dockerfile is no template', async () => {
  const { services } = await read(fixture('plain-file-is-no-template'))
  assert.match(services[0]!.build!.dockerfile.content, /format="%%NAME%%"/)
})

test('every variable of a template is filled in, in all lines but comments', async () => {
  const { services } = await read(fixture('variables-outside-from'))
  const { content } = services[0]!.build!.dockerfile
  assert.match(content, /MACHINE=genericx86-64-ext FLEET=kiosk\n/)
  assert.match(content, /built for amd64 as main of (3f9d0c1a){5}\n/)
  const commented = await read(fixture('template-comment-with-unknown-name'))
  assert.match(commented.services[0]!.build!.dockerfile.content, /^#FROM %%NO_SUCH_NAME%%\n/)
})

test('the Dockerfile of a project without a compose file can be named with the push', async () => {
  const files = written({ 'docker/web.Dockerfile': 'FROM scratch\n', Dockerfile: 'FROM other\n' })
  const { services, composition } = await read(files, { dockerfilePath: 'docker/web.Dockerfile' })
  assert.equal(services[0]!.build!.dockerfile.path, 'docker/web.Dockerfile')
  assert.deepEqual(composition.services['main']!.build, { context: '.', dockerfile: 'docker/web.Dockerfile' })
})

test("a project of package.json alone is installed on Copal's Node base", async () => {
  const { services } = await read(fixture('package-json-only'), { arch: 'rpi', deviceType: 'raspberry-pi' })
  assert.equal(services[0]!.build!.dockerfile.kind, 'NodeJS')
  assert.match(
    services[0]!.build!.dockerfile.content,
    /^FROM copal\/rpi-node:20\n[^]*CMD \["npm", "start"\]\n$/,
  )
  await assert.rejects(
    read(fixture('package-json-only'), { arch: 'i386' }),
    /no ready Node\.js base for i386 · add a Dockerfile/,
  )
})

test('a project of several is read in the folder that the fleet names', async () => {
  const { services } = await read(fixture('several-projects'), { projectDirectory: './apps/kiosk/' })
  assert.deepEqual(
    services.map(({ build }) => build!.context),
    ['apps/kiosk/web', 'apps/shared'],
  )
  await assert.rejects(
    read(fixture('several-projects')),
    /no Dockerfile, Dockerfile\.template, Dockerfile\.amd64 or package\.json/,
  )
  await assert.rejects(
    read(fixture('several-projects'), { projectDirectory: '../x' }),
    /there is no folder \.\.\/x/,
  )
})

test('an empty project, an empty Dockerfile and a Dockerfile out of the project are refused', async () => {
  await assert.rejects(read(written({})), /in the top of the project · add one/)
  await assert.rejects(read(written({ Dockerfile: ' \n' })), /Dockerfile is empty/)
  await assert.rejects(
    read(written({ a: '' }), { dockerfilePath: '../../Dockerfile' }),
    /outside of the project/,
  )
})
