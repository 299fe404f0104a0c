// Virtual devices live on the Docker Engine of the machine where this is typed.
import type { Command } from 'commander'
import { randomBytes, randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { engineFromEnvironment, type Engine } from '@copal/engine/engine.ts'
import { ping } from '@copal/engine/system.ts'
import { confirmed } from '../../confirm.ts'
import { findDevice, findFleet, quoted, rows } from '../../find.ts'
import { ask } from '../../http.ts'
import { makeImage } from '../../images.ts'
import { printJson, remark, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'
import { createVirtualDevice } from '../../virtual-device/create.ts'
import { findVirtualDevice, listVirtualDevices, type VirtualDevice } from '../../virtual-device/list.ts'
import { startVirtualDevice, stopVirtualDevice } from '../../virtual-device/power.ts'
import { removeVirtualDevice } from '../../virtual-device/remove.ts'
import { makeFleet, ownDeviceType } from '../fleet/create.ts'

interface AddOptions {
  virtual?: boolean
  fleet: string
  name?: string
  port?: string
  wait: boolean
  first?: boolean
  json?: boolean
}

export function addDevice(device: Command): void {
  device
    .command('add')
    .description('make a virtual device on this machine: a device in every respect, without hardware')
    .option('--virtual', 'say it: real devices add themselves with a config.json, see: copal device config')
    .requiredOption('-f, --fleet <fleet>', 'the fleet that it joins')
    .option('-n, --name <name>', 'its name; the platform chooses one otherwise')
    .option(
      '-p, --port <port>',
      "publish the device's port 80 on this port of 127.0.0.1; any free one otherwise",
    )
    .option('--no-wait', 'do not wait until it is online')
    .option('--first', 'make the fleet where it is missing, and start the device that was made so before')
    .option('--json', 'print JSON')
    .action(add)
}

/** The engine that holds the virtual devices of this machine. @throws Problem when none answers */
async function engineHere(): Promise<Engine> {
  const engine = engineFromEnvironment()
  await ping(engine, AbortSignal.timeout(10_000)).catch((error: Error) => {
    engine[Symbol.dispose]()
    throw new Problem(
      `cannot reach virtual devices: no Docker Engine answers here (${error.message}) · start it, or name it in DOCKER_HOST (npm start prints that of its own)`,
    )
  })
  return engine
}

async function add(options: AddOptions): Promise<void> {
  if (!options.virtual)
    throw new Problem(
      'cannot add a real device from here: it adds itself with its config.json · make one with: copal device config --fleet <fleet>, or say --virtual',
    )
  const settings = readSettings()
  using engine = await engineHere()
  const fleet = await fleetOf(settings, options)
  const uuid =
    (options.first && (await startFirst(settings, engine, fleet))) ||
    (await make(settings, engine, fleet, options))
  if (options.wait) await untilOnline(settings, uuid)
  const { name, url } = await describe(settings, engine, uuid)
  if (options.json) return printJson({ uuid, name, address: url, fleet: fleet.slug })
  say(
    `Device ${name} (${uuid.slice(0, 7)}) ${options.wait ? 'is online' : 'starts'} in ${fleet.slug}.${url ? ` Its port 80: ${url}` : ''}`,
  )
}

async function fleetOf(
  settings: Settings,
  { fleet, first }: AddOptions,
): Promise<{ id: number; slug: string }> {
  if (!first) return findFleet(settings, fleet)
  const [found] = await rows(
    settings,
    `application?$select=id,slug&$filter=slug%20eq%20${quoted(fleet.toLowerCase())}`,
  )
  return found ?? makeFleet(settings, fleet, ownDeviceType())
}

/** The device of this machine that is in the fleet already, switched on. */
async function startFirst(
  settings: Settings,
  engine: Engine,
  fleet: { id: number },
): Promise<string | undefined> {
  const known = new Set(
    (await rows(settings, `device?$select=uuid&$filter=belongs_to__application%20eq%20${fleet.id}`)).map(
      (device) => device.uuid,
    ),
  )
  const here = (await listVirtualDevices(engine)).find((device) => known.has(device.uuid))
  if (here && !here.on) await startVirtualDevice(engine, here.uuid)
  return here?.uuid
}

async function make(
  settings: Settings,
  engine: Engine,
  fleet: { id: number; slug: string },
  options: AddOptions,
): Promise<string> {
  // A port of its own for good: the engine would choose another one at each boot.
  const port80 = options.port === undefined ? await freePort() : Number(options.port)
  if (!Number.isInteger(port80) || port80 < 1 || port80 > 65535)
    throw new Problem(`cannot publish port ${options.port} · give a number up to 65535`)
  const image = await makeImage(['device'], remark)
  const [
    {
      is_for__device_type: [type],
    },
  ] = await rows(
    settings,
    `application(${fleet.id})?$select=id&$expand=is_for__device_type($select=slug;$expand=is_of__cpu_architecture($select=slug))`,
  )
  const arch = type.is_of__cpu_architecture[0].slug
  const uuid = randomBytes(16).toString('hex')
  const config = await ask(settings, '/download-config', {
    body: { appId: fleet.id, version: '2.0.0', deviceType: type.slug, internal: true },
  })
  const configJson = { ...config, uuid, ...(options.name && { initialDeviceName: options.name }) }
  await createVirtualDevice(engine, {
    name: options.name ?? uuid.slice(0, 7),
    configJson,
    deviceType: { slug: type.slug, arch },
    image,
    port80,
  })
  await startVirtualDevice(engine, uuid)
  return uuid
}

/** Outside of the range that the system gives to outgoing connections, so that it is still free at the next boot. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(20_000, 30_000)
    const server = createServer()
    const free = await new Promise<boolean>((done) =>
      server.once('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true))),
    )
    if (free) return port
  }
  throw new Problem("cannot find a free port for the device's port 80 · give one with --port")
}

/** A new device starts its engine, fetches the supervisor and registers: some 15 s, minutes the very first time. */
async function untilOnline(settings: Settings, uuid: string): Promise<void> {
  const end = Date.now() + 10 * 60_000
  let said = 'nothing'
  while (Date.now() < end) {
    const [device] = await rows(settings, `device(uuid='${uuid}')?$select=is_online,overall_status`).catch(
      () => [],
    )
    if (device?.is_online) return
    const now = device
      ? 'It has registered; waiting until it is online …'
      : 'The device starts, fetches its supervisor and registers …'
    if (now !== said) remark(now)
    said = now
    await sleep(500)
  }
  throw new Problem(
    `cannot see device ${uuid.slice(0, 7)} online after 10 minutes · look at: docker logs copal-device-${uuid.slice(0, 7)}`,
  )
}

async function describe(
  settings: Settings,
  engine: Engine,
  uuid: string,
): Promise<{ name: string; url: string | undefined }> {
  const [device] = await rows(settings, `device(uuid='${uuid}')?$select=device_name`)
  const here = await findVirtualDevice(engine, uuid)
  return { name: device?.device_name ?? here?.name ?? uuid.slice(0, 7), url: here?.url }
}

export function openDevice(device: Command): void {
  device
    .command('open <device>')
    .description("print where a virtual device's port 80 answers on this machine")
    .option('--json', 'print JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const { uuid, device_name } = await findDevice(readSettings(), name)
      using engine = await engineHere()
      const here = await findVirtualDevice(engine, uuid)
      if (!here) throw new Problem(`cannot open ${device_name}: it is no virtual device of this machine`)
      if (!here.url)
        throw new Problem(
          `cannot open ${device_name}: it is off · start it with: copal device start ${uuid.slice(0, 7)}`,
        )
      if (options.json) printJson({ uuid, address: here.url })
      else say(here.url)
    })
}

export function powerDevice(device: Command): void {
  const each = [
    ['start', 'switch a virtual device of this machine on', startVirtualDevice, 'is on'],
    ['stop', 'shut a virtual device of this machine down', stopVirtualDevice, 'is off'],
  ] as const
  for (const [verb, description, deed, now] of each)
    device
      .command(`${verb} [device]`)
      .description(description)
      .option('--all', 'all virtual devices of this machine')
      .action(async (name: string | undefined, options: { all?: boolean }) => {
        using engine = await engineHere()
        for (const { uuid, name: label } of await chosen(engine, name, options.all)) {
          await deed(engine, uuid)
          say(`${label} (${uuid.slice(0, 7)}) ${now}.`)
        }
      })
}

/** Takes the device away from this machine, then from the platform; one that the platform does not know any more is fine. */
export async function removeVirtual(
  name: string | undefined,
  options: { all?: boolean; yes?: boolean },
): Promise<void> {
  const settings = readSettings()
  using engine = await engineHere()
  const devices = await chosen(engine, name, options.all, settings)
  if (devices.length === 0) return say('There is no virtual device here.')
  await confirmed(options.yes, `Remove ${devices.map((each) => each.name).join(', ')} with all data?`)
  for (const { uuid, name: label } of devices) {
    await removeVirtualDevice(engine, uuid)
    await ask(settings, `/v7/device(uuid='${uuid}')`, { method: 'DELETE' })
    say(`Removed ${label}.`)
  }
}

/** By uuid (7 digits are enough) or name; with `all`, those of this machine (and, with `settings`, of this platform). */
async function chosen(
  engine: Engine,
  name: string | undefined,
  all = false,
  settings?: Settings,
): Promise<VirtualDevice[]> {
  const here = await listVirtualDevices(engine)
  if (all) {
    if (!settings) return here
    const known = new Set((await rows(settings, 'device?$select=uuid')).map((device) => device.uuid))
    return here.filter((device) => known.has(device.uuid))
  }
  if (!name) throw new Problem('cannot tell which device · name one, or give --all')
  const found = here.filter(
    (device) => device.name === name || (/^[0-9a-f]{7,}$/.test(name) && device.uuid.startsWith(name)),
  )
  if (found.length !== 1)
    throw new Problem(
      `cannot find a virtual device "${name}" on this machine · name it by uuid, see: copal device list`,
    )
  return found
}
