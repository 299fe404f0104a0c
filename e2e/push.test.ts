// The loop, from end to end: a push with ordinary git, and a device runs it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { startPlatform, until, type Device, type Platform } from './platform.ts'

const minute = 60_000
let platform: Platform

before(async () => {
  platform = await startPlatform()
})
after(async () => {
  await platform?.[Symbol.asyncDispose]()
})

const runsCommit = (device: Device, commit: string, service?: string) =>
  until(
    async () => {
      const found = await device.show()
      const installs = found.image_install.filter(
        (install: any) => install.is_provided_by__release[0]?.commit === commit,
      )
      const named = installs.filter(
        (install: any) =>
          !service || install.installs__image[0].is_a_build_of__service[0].service_name === service,
      )
      return (
        found.is_running__release[0]?.commit === commit &&
        named.length > 0 &&
        named.every((install: any) => install.status === 'Running')
      )
    },
    3 * minute,
    async () =>
      `the device does not run ${commit}: ${JSON.stringify(await device.show(), null, 1)}\n${(await device.logs()).slice(-30).join('\n')}`,
  )
const answers = (device: Device, pattern: RegExp) =>
  until(
    async () =>
      pattern.exec(await (await fetch(device.address, { signal: AbortSignal.timeout(2000) })).text()),
    minute,
    async () =>
      `no such answer at ${device.address}; the log says:\n${(await device.logs()).slice(-20).join('\n')}`,
  )

test('the Node.js example is pushed with git, runs on a virtual device and answers; a change replaces it', async () => {
  await platform.copal('fleet', 'create', 'hello-node')
  const device = await platform.addDevice('admin/hello-node')
  const project = await platform.project({ example: 'node' })
  const pushed = await project.push('admin/hello-node')
  assert.equal(pushed.code, 0, pushed.stderr)
  assert.match(pushed.stderr, /remote: .*npm install/)
  await runsCommit(device, (await project.git('rev-parse', 'HEAD')).stdout.trim())
  await answers(device, /^Hello from [0-9a-f]{7}/)

  const source = await readFile(`${project.folder}/server.js`, 'utf8')
  await project.write('server.js', source.replace('Hello from', 'Good evening from'))
  const commit = await project.commit('say good evening')
  const again = await project.push('admin/hello-node')
  assert.equal(again.code, 0, again.stderr)
  await runsCommit(device, commit)
  await answers(device, /^Good evening from/)
  const containers = (await device.docker('ps', '-a', '--format', '{{.Names}}'))
    .split('\n')
    .filter((name) => name !== 'copal_supervisor')
  assert.equal(containers.length, 1, `the old container is gone: ${containers}`)
})

test('a Dockerfile that fails rejects the push, says why, and leaves branch and device where they were', async () => {
  const project = await platform.project({ example: 'node' })
  await project.git(
    'pull',
    '-q',
    '--rebase=false',
    '-s',
    'ours',
    '--allow-unrelated-histories',
    `http://admin:correct%20horse@127.0.0.1:${platform.port}/git/admin/hello-node.git`,
    'main',
  )
  const before = (
    await project.git(
      'ls-remote',
      `http://admin:correct%20horse@127.0.0.1:${platform.port}/git/admin/hello-node.git`,
      'main',
    )
  ).stdout
  await project.write(
    'Dockerfile.template',
    'FROM copal/%%BALENA_ARCH%%-node:20\nRUN echo about to fail && exit 3\n',
  )
  await project.commit('break it')
  const pushed = await project.push('admin/hello-node')
  assert.notEqual(pushed.code, 0)
  assert.match(pushed.stderr, /remote: .*about to fail/)
  assert.match(pushed.stderr, /remote: .*cannot/)
  const after = (
    await project.git(
      'ls-remote',
      `http://admin:correct%20horse@127.0.0.1:${platform.port}/git/admin/hello-node.git`,
      'main',
    )
  ).stdout
  assert.equal(after, before)
  assert.notEqual(before, '')
})

test('the Python example prints to the log', async () => {
  await platform.copal('fleet', 'create', 'hello-python')
  const device = await platform.addDevice('admin/hello-python')
  const project = await platform.project({ example: 'python' })
  const pushed = await project.push('admin/hello-python')
  assert.equal(pushed.code, 0, pushed.stderr)
  await until(
    async () => (await device.logs()).some((line) => line.startsWith('hello from Python on ')),
    3 * minute,
    async () => (await device.logs()).join('\n'),
  )
})

test('three services run together: one asks another by name, and two share a volume', async () => {
  await platform.copal('fleet', 'create', 'hello-compose')
  const device = await platform.addDevice('admin/hello-compose')
  const project = await platform.project({ example: 'compose' })
  const pushed = await project.push('admin/hello-compose')
  assert.equal(pushed.code, 0, pushed.stderr)
  await runsCommit(device, (await project.git('rev-parse', 'HEAD')).stdout.trim())
  await answers(device, /worker says: [1-9]/)
})

test('a wrong password and a foreign fleet are refused, and git shows why', async () => {
  const project = await platform.project({ Dockerfile: 'FROM scratch\n' })
  const wrong = await project.git(
    'push',
    `http://admin:wrong@127.0.0.1:${platform.port}/git/admin/hello-node.git`,
    'HEAD:main',
  )
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.stderr, /Authentication failed|401/)
  const foreign = await project.push('nobody/nothing')
  assert.notEqual(foreign.code, 0)
  assert.match(foreign.stderr, /cannot find|not found/)
})
