// One device's life, in order: each part begins where the one before ended.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  createContainer,
  inspectContainer,
  killContainer,
  putArchive,
  startContainer,
} from '@copal/engine/containers.ts'
import { execute } from '@copal/engine/exec.ts'
import { removeImage } from '@copal/engine/images.ts'
import { deviceContainer } from '@copal/engine/nested-device.ts'
import { readPowers } from '@copal/engine/powers.ts'
import { pack } from 'tar-stream'
import { machineArch } from './catalogue.ts'
import { makeImage, makeRootImage } from './make-image.ts'
import type { Making } from './make-image.ts'
import { deviceImage } from './recipes.ts'
import { startSmallPlatform } from './testing/small-platform.ts'
import type { SmallPlatform } from './testing/small-platform.ts'
import { eventually, openWorkshop, outputOf, startMaking } from './testing/workshop.ts'
import type { Workshop } from './testing/workshop.ts'

const arch = machineArch()
const uuid = 'c0ffee00c0ffee00c0ffee00c0ffee00'
let making: Making
let workshop: Workshop
let platform: SmallPlatform
let device: string

before(
  async () => {
    making = await startMaking()
    workshop = await openWorkshop(making.engine)
    platform = await startSmallPlatform(workshop.folder)
    for (const version of ['1', '2', '3']) await publish(version, version !== '2')
    device = await createDevice()
  },
  { timeout: 300_000 },
)

after(async () => {
  for (const version of ['1', '2', '3']) {
    await removeImage(making.engine, `copal-test-supervisor:${version}`, { force: true }).catch(() => {})
  }
  await workshop?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

/** A program that answers as a supervisor does, healthy or not, in the one language that the root has. */
async function publish(version: string, healthy: boolean): Promise<void> {
  const { engine } = making
  const root = await makeRootImage(making, arch)
  const answer = `HTTP/1.0 ${healthy ? '200 OK' : '500 Unhealthy'}\\r\\n\\r\\n${version}`
  const program = `use IO::Socket::INET;
    my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1:48484", Listen => 5, ReuseAddr => 1) or die $!;
    while (my $client = $server->accept) { while (<$client>) { last if /^\\s*$/ } print $client "${answer}"; close $client }`
  const id = await createContainer(engine, { Image: root.name })
  workshop.containers.push(id)
  const tag = `copal-test-supervisor:${version}`
  await engine.done('POST', '/commit', {
    query: { container: id, repo: 'copal-test-supervisor', tag: version },
    body: {
      Entrypoint: ['tini', '--', 'perl', '-e', program],
      Cmd: [],
      Labels: { 'io.copal.image': 'supervisor' },
    },
  })
  await platform.publish(
    engine,
    tag,
    version === '1' ? `balena_os/${arch}-supervisor/latest` : `v2/${version}`,
  )
}

async function createDevice(): Promise<string> {
  const { engine } = making
  const { name } = await makeImage(making, deviceImage(arch))
  const volumes = {
    boot: `${workshop.name}-boot`,
    state: `${workshop.name}-state`,
    data: `${workshop.name}-data`,
  }
  workshop.volumes.push(...Object.values(volumes))
  const spec = deviceContainer({
    image: name,
    powers: readPowers(),
    network: workshop.name,
    labels: {},
    hostname: 'c0ffee0',
    volumes,
  })
  const Env = ['COPAL_SUPERVISOR_TRIAL_SECONDS=15', 'COPAL_SUPERVISOR_CHECK_SECONDS=86400']
  const id = await createContainer(engine, { name: `${workshop.name}-device`, ...spec, Env })
  workshop.containers.push(id)
  const config = {
    uuid,
    deviceApiKey: '0123456789abcdef0123456789abcdef',
    apiEndpoint: `https://${platform.host}`,
    registryEndpoint: platform.host,
    balenaRootCA: Buffer.from(platform.authority).toString('base64'),
  }
  const boot = pack()
  boot.entry({ name: 'config.json' }, JSON.stringify(config))
  boot.entry({ name: 'device-type.json' }, JSON.stringify({ slug: 'genericx86-64-ext', arch }))
  boot.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of boot) chunks.push(chunk as Uint8Array)
  await putArchive(engine, id, '/mnt/boot', Buffer.concat(chunks))
  return id
}

/** Runs a line on the device. */
async function on(line: string): Promise<string> {
  const { exitCode, stdout, stderr } = await execute(making.engine, device, ['sh', '-c', line])
  if (exitCode !== 0) throw new Error(`${line}: ${stderr}`)
  return stdout.trim()
}

const supervisorAnswers = (version: string, seconds: number) =>
  eventually(`supervisor ${version} answers`, seconds, async () =>
    (await on('curl -sS -m 2 http://127.0.0.1:48484/v1/healthy')) === version ? true : undefined,
  ).catch(async (error: unknown) => {
    throw new Error(await outputOf(making.engine, device), { cause: error })
  })

const state = async () =>
  JSON.parse(await on('cat /mnt/state/supervisor-keeper.json')) as Record<string, never>

test('a new device fetches the supervisor of its platform and starts it', { timeout: 120_000 }, async () => {
  await startContainer(making.engine, device)
  await supervisorAnswers('1', 60)
})

test('containers run on it, also privileged ones, and find names', { timeout: 60_000 }, async () => {
  const image = await on('docker inspect --format "{{.Image}}" copal_supervisor')
  const run = (options: string, line: string) =>
    on(`docker run --rm --entrypoint sh ${options} ${image} -c '${line}'`)
  assert.equal(await run('--privileged', 'mount -t tmpfs none /mnt && echo mounted'), 'mounted')
  const address = await on('getent hosts platform.copal.internal')
  assert.match(address, /^[0-9a-f.:]+ /)
  assert.equal(await run('', 'getent hosts platform.copal.internal'), address)
  await on('docker network create own')
  assert.equal(await run('--network own', 'getent hosts platform.copal.internal'), address)
})

test(
  'a cut of power without a platform in reach: the supervisor comes back by itself',
  { timeout: 90_000 },
  async () => {
    await on(
      'docker run -d --name app --restart always --entrypoint sleep $(docker inspect --format "{{.Image}}" copal_supervisor) 1000',
    )
    platform.away = true
    await killContainer(making.engine, device)
    await startContainer(making.engine, device)
    await supervisorAnswers('1', 40)
    await eventually('the app runs', 20, async () =>
      (await on('docker inspect --format "{{.State.Running}}" app')) === 'true' ? true : undefined,
    )
    platform.away = false
  },
)

test(
  'a supervisor that is killed again and again is back within seconds each time',
  { timeout: 90_000 },
  async () => {
    for (let kills = 1; kills <= 4; kills++) {
      await on('kill -9 $(docker inspect --format "{{.State.Pid}}" copal_supervisor)')
      await eventually('another process runs', 15, async () =>
        Number(await on('docker inspect --format "{{.State.Pid}}" copal_supervisor')) > 0 ? true : undefined,
      )
    }
    await supervisorAnswers('1', 10)
    assert.equal(await on('docker inspect --format "{{.RestartCount}}" copal_supervisor'), '0')
  },
)

test(
  'a supervisor that does not become healthy is taken back and not tried again',
  { timeout: 120_000 },
  async () => {
    platform.wanted = { supervisor_version: '2.0.0', image_name: `${platform.host}/v2/2` }
    await on('update-supervisor')
    await eventually('it is known to be bad', 60, async () => {
      const { bad } = await state()
      return bad ? true : undefined
    })
    await supervisorAnswers('1', 30)
    assert.deepEqual((await state())['bad'], [`${platform.host}/v2/2`])
    assert.equal(platform.asked[0], 'Bearer 0123456789abcdef0123456789abcdef')
    const asked = platform.asked.length
    await on('update-supervisor')
    await eventually('it has asked again', 20, async () => (platform.asked.length > asked ? true : undefined))
    await supervisorAnswers('1', 5)
  },
)

test(
  'a power cut in the middle of a trial ends with a working supervisor',
  { timeout: 150_000 },
  async () => {
    platform.wanted = { supervisor_version: '3.0.0', image_name: `${platform.host}/v2/3` }
    await on('update-supervisor')
    await eventually('the trial has begun', 60, async () => ((await state())['trial'] ? true : undefined))
    await killContainer(making.engine, device)
    await startContainer(making.engine, device)
    await eventually('the trial is over', 60, async () => {
      const { current, trial } = (await state()) as Record<string, { version: string } | undefined>
      return !trial && current?.version === '3.0.0' ? true : undefined
    }).catch(async (error: unknown) => {
      throw new Error(`${JSON.stringify(await state())}\n${await outputOf(making.engine, device)}`, {
        cause: error,
      })
    })
    await supervisorAnswers('3', 10)
  },
)

test(
  'reboot starts the device again, poweroff leaves it off until it is started',
  { timeout: 90_000 },
  async () => {
    const { engine } = making
    const { RestartCount, State } = await inspectContainer(engine, device)
    // As a supervisor asks: in the host's namespaces.
    await on('docker exec copal_supervisor nsenter -t 1 -m -u -n -i reboot').catch(() => {
      // It may be cut off by what it asked for.
    })
    await eventually('it has begun again', 40, async () => {
      const now = await inspectContainer(engine, device)
      return now.State.Running && now.State.StartedAt !== State.StartedAt ? true : undefined
    })
    assert.equal((await inspectContainer(engine, device)).RestartCount, RestartCount + 1)
    await supervisorAnswers('3', 40)

    await on('poweroff')
    await eventually('it is off', 40, async () =>
      (await on('pgrep dockerd || echo none')) === 'none' ? true : undefined,
    )
  },
)
