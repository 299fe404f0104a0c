import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { mkdir } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  createContainer,
  inspectContainer,
  removeContainer,
  startContainer,
} from '@copal/engine/containers.ts'
import { Engine } from '@copal/engine/engine.ts'
import { readHostNetwork } from '@copal/engine/host-network.ts'
import { inspectImage, loadImages, saveImages } from '@copal/engine/images.ts'
import { builderContainer } from '@copal/engine/nested-builder.ts'
import { readPowers } from '@copal/engine/powers.ts'
import { ping } from '@copal/engine/system.ts'
import { machineArch } from './catalogue.ts'
import { makeImage } from './make-image.ts'
import type { Making } from './make-image.ts'
import { baseImage, builderImage } from './recipes.ts'
import { writeSettingsFolder } from './settings-folder.ts'
import { build } from './testing/build.ts'
import { eventually, openWorkshop, outputOf, runOnce, startMaking } from './testing/workshop.ts'
import type { Workshop } from './testing/workshop.ts'

const arch = machineArch()
const from = `copal/${arch}-debian:trixie`
let making: Making
let workshop: Workshop
let builder: Engine
// Listens on every address of the host, as many things do.
const host = createServer((socket) => void socket.end('reached'))

before(
  async () => {
    making = await startMaking()
    workshop = await openWorkshop(making.engine)
    await new Promise<void>((resolve) => host.listen(0, '0.0.0.0', resolve))
    builder = await startBuilder()
    const { name } = await makeImage(making, await baseImage('debian', arch, making.say))
    await loadImages(builder, await saveImages(making.engine, [from, name]))
  },
  { timeout: 300_000 },
)

after(async () => {
  builder?.[Symbol.dispose]()
  await workshop?.[Symbol.asyncDispose]()
  host.close()
})

const hostAddresses = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)
  .map(({ address }) => address)
  .filter((address) => !/^198\.1[89]\./.test(address)) // the builder's own range, which never leads out of it

async function startBuilder(): Promise<Engine> {
  const { engine } = making
  const { name } = await makeImage(making, builderImage(arch))
  const sockets = join(workshop.folder, 'builder')
  await mkdir(sockets, { mode: 0o700 })
  const settings = await writeSettingsFolder(
    join(workshop.folder, 'packages'),
    // What a machine behind a proxy has, beside this one's own: shows that it arrives, and that it leaves no trace.
    { ...(await making.settings()), npmLines: ['@copal-test:registry=http://npm.copal-test.invalid'] },
    '/etc/copal/packages',
  )
  const volume = `${workshop.name}-builder`
  workshop.volumes.push(volume)
  const id = await createContainer(engine, {
    name: volume,
    ...builderContainer({
      image: name,
      powers: readPowers(),
      network: workshop.name,
      labels: {},
      volume,
      socketFolder: sockets,
      settings,
      // Nobody listens there; what does listen on the host is somebody else's.
      platform: { port: 9, caPem: '' },
      diskBytes: 3e9,
      memoryBytes: 1.5e9,
      cpus: 2,
      pids: 1000,
      ...readHostNetwork(),
      allowed: [],
    }),
  })
  workshop.containers.push(id)
  await startContainer(engine, id)
  const inner = new Engine(`unix://${join(sockets, 'docker.sock')}`)
  await eventually('the builder answers', 30, async () => {
    const { State } = await inspectContainer(engine, id)
    if (!State.Running) throw new Error(await outputOf(engine, id))
    await ping(inner)
    return true
  })
  return inner
}

test('a Dockerfile with heredoc, cache mount and packages is built', { timeout: 180_000 }, async () => {
  const dockerfile = `FROM ${from}
RUN --mount=type=cache,target=/var/cache/thing echo kept > /var/cache/thing/file && install_packages hello
RUN <<EOT
  printenv > /seen-environment
  cat /dev/.copal/npmrc > /seen-npmrc
EOT
COPY <<EOT /written
heredoc
EOT
CMD ["sh", "-c", "hello && cat /written /seen-environment /seen-npmrc; ls /var/cache/thing"]
`
  await build(builder, dockerfile, 'copal-test:packages')
  const { output } = await runOnce(builder, { Image: 'copal-test:packages' })
  assert.match(output, /Hello, world!\nheredoc\n/)
  assert.match(output, /NPM_CONFIG_GLOBALCONFIG=/)
  assert.match(output, /@copal-test:registry=/)
  assert.doesNotMatch(output, /^file$/m)
})

test(
  'what this machine uses to get packages leaves no trace in the image',
  { timeout: 120_000 },
  async () => {
    await build(builder, `FROM ${from}\nRUN echo built > /built`, 'copal-test:traces')
    const { Config } = await inspectImage(builder, 'copal-test:traces')
    assert.deepEqual(Config?.Env?.map((line) => line.split('=')[0]).toSorted(), ['LC_ALL', 'PATH', 'UDEV'])
    const history = await builder.json('GET', '/images/copal-test:traces/history')
    assert.doesNotMatch(JSON.stringify(history), /\.copal|NPM_CONFIG|copal-test\.invalid/)
    let before = Buffer.alloc(0)
    for await (const chunk of await saveImages(builder, ['copal-test:traces'])) {
      const bytes = Buffer.concat([before, chunk as Buffer])
      for (const word of ['dev/.copal', 'NPM_CONFIG_GLOBALCONFIG', 'copal-test.invalid']) {
        assert.equal(bytes.indexOf(word), -1, `"${word}" is in the image`)
      }
      before = bytes.subarray(-64)
    }
  },
)

test(
  'a build reaches neither the host, nor the platform, nor networks that are not public',
  { timeout: 120_000 },
  async () => {
    const { port } = host.address() as AddressInfo
    const targets = [
      ...[...hostAddresses, workshop.gateway].map((address) => `${address}/${port}`),
      '169.254.169.254/80',
      '10.0.0.1/80',
      '192.168.1.1/80',
      '100.100.100.200/80',
      '198.18.0.1/2375',
    ]
    // One that is not refused by the filter but leads nowhere would take the whole time.
    const dockerfile = `FROM ${from}
RUN <<EOT
  for target in ${targets.join(' ')}; do
    if timeout 2 bash -c "exec 3<> /dev/tcp/$target" 2>/dev/null; then echo "$target reached"
    elif [ $? = 124 ]; then echo "$target silent"
    else echo "$target refused"; fi >> /result
  done
  getent hosts platform.copal.internal >> /result || echo 'no name' >> /result
EOT
CMD ["cat", "/result"]`
    await build(builder, dockerfile, 'copal-test:filter')
    const { output } = await runOnce(builder, { Image: 'copal-test:filter' })
    assert.equal(output, [...targets.map((target) => `${target} refused`), 'no name', ''].join('\n'))
  },
)

test('the network of the builder itself is refused to builds', { timeout: 60_000 }, async () => {
  await assert.rejects(
    build(builder, `FROM ${from}\nRUN --network=host true`, 'copal-test:host'),
    /network\.host/,
  )
  await assert.rejects(build(builder, `FROM ${from}\nRUN --security=insecure true`, 'copal-test:insecure'))
})

test('ADD of an address on the host is refused', { timeout: 60_000 }, async () => {
  const { port } = host.address() as AddressInfo
  for (const address of hostAddresses) {
    const dockerfile = `FROM ${from}\nADD http://${address}:${port}/x /x`
    await assert.rejects(
      build(builder, dockerfile, 'copal-test:add'),
      /cannot|no route|connect|refused|prohibited/i,
    )
  }
})

test('a build that writes without end fails alone', { timeout: 180_000 }, async () => {
  const dockerfile = `FROM ${from}\nRUN dd if=/dev/zero of=/big bs=1M count=6000`
  await assert.rejects(build(builder, dockerfile, 'copal-test:big'), /No space left/)
  await build(builder, `FROM ${from}\nRUN echo small > /small`, 'copal-test:small')
})

test('a limit that this machine cannot give is lowered to what it can', { timeout: 60_000 }, async () => {
  const id = await createContainer(builder, {
    Image: from,
    Cmd: ['true'],
    HostConfig: { Ulimits: [{ Name: 'nofile', Soft: 5_000_000, Hard: 5_000_000 }] },
  })
  try {
    const { privileged } = readPowers()
    if (!privileged) await startContainer(builder, id)
  } finally {
    await removeContainer(builder, id, { force: true })
  }
})
