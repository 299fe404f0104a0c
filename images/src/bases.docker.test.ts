import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import {
  createContainer,
  killContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from '@copal/engine/containers.ts'
import { inspectImage } from '@copal/engine/images.ts'
import { machineArch } from './catalogue.ts'
import { makeImage } from './make-image.ts'
import type { Making } from './make-image.ts'
import { baseImage } from './recipes.ts'
import { eventually, outputOf, runOnce, startMaking } from './testing/workshop.ts'

const arch = machineArch()
let making: Making
before(async () => {
  making = await startMaking()
})

const base = async (language: 'debian' | 'node' | 'python') =>
  makeImage(making, await baseImage(language, arch, making.say))

test('the Node.js base runs a program, and has npm', { timeout: 300_000 }, async () => {
  const { name } = await base('node')
  const { status, output } = await runOnce(making.engine, {
    Image: name,
    Cmd: ['sh', '-c', 'node -p "process.version + process.pid" && npm --version && npx --version'],
  })
  assert.equal(status, 0, output)
  assert.match(output, /^v20\.\d+\.\d+/)
})

test('the Python base runs a program, and pip installs beside Debian', { timeout: 300_000 }, async () => {
  const { name, tags } = await base('python')
  assert.ok(tags.includes(`copal/${arch}-python:3.13`))
  const { status, output } = await runOnce(making.engine, {
    Image: name,
    Cmd: ['sh', '-c', 'python -c "print(6 * 7)" && pip config list'],
  })
  assert.equal(status, 0, output)
  assert.match(output, /^42$/m)
  assert.match(output, /break-system-packages/)
})

test('install_packages installs and leaves no lists behind', { timeout: 120_000 }, async () => {
  const { name } = await base('debian')
  const { status, output } = await runOnce(making.engine, {
    Image: name,
    Cmd: ['sh', '-c', 'install_packages hello >/dev/null 2>&1 && hello && ls /var/lib/apt/lists | wc -l'],
    HostConfig: { NetworkMode: 'host' },
  })
  assert.equal(status, 0, output)
  assert.match(output, /Hello, world!\n0\n$/)
})

test('a program in shell form hears SIGTERM at once', { timeout: 60_000 }, async () => {
  const { name } = await base('debian')
  const { engine } = making
  // "true &&" keeps the shell between tini and the program, as a Dockerfile's shell form may.
  const id = await createContainer(engine, {
    Image: name,
    Cmd: ['/bin/sh', '-c', 'echo up && sleep 60 && true'],
  })
  try {
    await startContainer(engine, id)
    await eventually('the program prints', 10, async () =>
      (await outputOf(engine, id)).includes('up') ? true : undefined,
    )
    const began = Date.now()
    await killContainer(engine, id, 'SIGTERM')
    await waitContainer(engine, id)
    assert.ok(Date.now() - began < 3000)
  } finally {
    await removeContainer(engine, id, { force: true })
  }
})

test('balena-idle stays', { timeout: 60_000 }, async () => {
  const { name } = await base('debian')
  const { status, output } = await runOnce(making.engine, {
    Image: name,
    Cmd: ['timeout', '1', 'balena-idle'],
  })
  assert.equal(status, 124)
  assert.match(output, /idle/)
})

test(
  'UDEV in a service that is not privileged is answered with a sentence, and the program runs',
  { timeout: 60_000 },
  async () => {
    const { name } = await base('debian')
    const { status, output } = await runOnce(making.engine, {
      Image: name,
      Env: ['UDEV=1'],
      Cmd: ['echo', 'running'],
    })
    assert.equal(status, 0)
    assert.match(output, /not privileged/)
    assert.match(output, /^running$/m)
  },
)

test('images carry their true architecture and nothing of this machine', { timeout: 60_000 }, async () => {
  const { name } = await base('node')
  const { Architecture, Config } = await inspectImage(making.engine, name)
  assert.equal(Architecture, { amd64: 'amd64', aarch64: 'arm64', armv7hf: 'arm', rpi: 'arm' }[arch])
  assert.deepEqual(Config?.Env?.map((line) => line.split('=')[0]).toSorted(), ['LC_ALL', 'PATH', 'UDEV'])
  const { output } = await runOnce(making.engine, {
    Image: name,
    Cmd: ['sh', '-c', 'ls -A /dev/.copal /tmp 2>&1'],
  })
  assert.match(output, /No such file/)
})
