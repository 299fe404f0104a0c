// Does what was planned. Decides nothing: each step is the engine's calls for it and the words for the device's log.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createContainer,
  removeContainer,
  renameContainer,
  startContainer,
  stopContainer,
} from '@copal/engine/containers.ts'
import { isMissing } from '@copal/engine/errors.ts'
import { removeImage } from '@copal/engine/images.ts'
import { connectNetwork, createNetwork, removeNetwork } from '@copal/engine/networks.ts'
import { createVolume, removeVolume } from '@copal/engine/volumes.ts'
import { containerSpec, endpointsOf, serviceFolder, type Surroundings } from './container.ts'
import type { Device } from './device.ts'
import type { Fetches } from './images.ts'
import type { Logs } from './logs.ts'
import type { Memory } from './memory.ts'
import type { Current } from './observe.ts'
import { networkSpec, volumeSpec } from './parts.ts'
import { placesOf } from './placement.ts'
import { locationOf } from './references.ts'
import type { Step } from './steps.ts'
import type { Wanted, WantedApp, WantedService } from './wanted.ts'

export interface Stage {
  device: Device
  memory: Memory
  fetches: Fetches
  logs: Logs
  wanted: Wanted
  current: Current
  around: Surroundings
}

/** @throws what went wrong, after it was said in the device's log */
export async function act(stage: Stage, step: Step): Promise<void> {
  const { device, memory, fetches, wanted } = stage
  const { engine } = device
  const { namespace } = device.settings
  switch (step.do) {
    case 'fetch':
      return fetches.start(step.image)
    case 'create network': {
      const [app, network] = partOf(wanted, step.app, 'networks', step.network)
      return told(
        device,
        `Creating network '${network.part}'`,
        `Failed to create network '${network.part}'`,
        () => createNetwork(engine, networkSpec(app, network, namespace)),
      )
    }
    case 'create volume': {
      const [app, volume] = partOf(wanted, step.app, 'volumes', step.volume)
      return told(
        device,
        `Creating volume '${volume.part}'`,
        `Failed to create volume '${volume.part}'`,
        () => createVolume(engine, volumeSpec(app, volume, namespace)),
      )
    }
    case 'stop':
      await told(
        device,
        `Killing service '${step.service}'`,
        `Failed to kill service '${step.service}'`,
        () => gone(stopContainer(engine, step.container)),
      )
      return device.say(`Killed service '${step.service}'`)
    case 'remove container':
      // Its last lines are read before its log goes with it.
      await stage.logs.drained(step.container)
      return gone(removeContainer(engine, step.container, { volumes: true, force: true }))
    case 'rename':
      await told(
        device,
        `Updating config for service '${step.service}'`,
        `Failed to update service '${step.service}'`,
        () => renameContainer(engine, step.container, step.name),
      )
      return
    case 'start':
      return start(stage, step)
    case 'remove image': {
      const name = locationOf(step.reference)
      await told(device, `Deleting image '${name}'`, `Failed to delete image '${name}'`, () =>
        gone(removeImage(engine, step.reference)),
      )
      return device.say(`Deleted image '${name}'`)
    }
    case 'remove network':
      return told(device, `Removing network '${step.name}'`, `Failed to remove network '${step.name}'`, () =>
        gone(removeNetwork(engine, step.name)),
      )
    case 'remove volume':
      return told(device, `Removing volume '${step.name}'`, `Failed to remove volume '${step.name}'`, () =>
        gone(removeVolume(engine, step.name)),
      )
    case 'note commit': {
      const app = appOf(wanted, step.app)
      const services = app.services.map(({ name, image }) => [name, locationOf(image)] as const)
      return memory.noteRunning(app.uuid, { commit: step.commit, services: Object.fromEntries(services) })
    }
  }
}

async function start(stage: Stage, step: Step & { do: 'start' }): Promise<void> {
  const { device, wanted } = stage
  const app = appOf(wanted, step.app)
  const service = app.services.find((it) => it.name === step.service)
  if (service === undefined) throw new Error(`cannot start ${step.service}: it is not in the target`)
  // The folder must be there before the engine mounts it, or the engine makes it.
  await mkdir(join(device.settings.hostRoot, serviceFolder(app.id, service.name)), { recursive: true })
  const id = step.container ?? (await create(stage, app, service))
  await told(
    device,
    `Starting service '${described(service)}'`,
    `Failed to start service '${service.name}'`,
    () => startContainer(device.engine, id),
  )
  device.say(`Started service '${described(service)}'`)
}

async function create(stage: Stage, app: WantedApp, service: WantedService): Promise<string> {
  const { device, current, around } = stage
  const image = current.images.find((it) => it.contents.includes(service.content))
  if (image === undefined) throw new Error(`cannot create ${service.name}: its image is not on the device`)
  const shared = service.networkMode?.startsWith('service:') && service.networkMode.slice('service:'.length)
  const sharedWith = placesOf(app, current).find((place) => place.service.name === shared)?.fitting?.id
  const failure = `Failed to install service '${service.name}'`
  let id = ''
  await told(device, `Installing service '${described(service)}'`, failure, async () => {
    id = await createContainer(
      device.engine,
      containerSpec(app, service, around, { image: image.key, sharedWith }),
    )
    for (const [network, endpoint] of endpointsOf(app, service).slice(1)) {
      await connectNetwork(device.engine, network, id, endpoint)
    }
  })
  device.say(`Installed service '${described(service)}'`)
  return id
}

/** `web sha256:0123456789ab`, as people know it from logs. */
function described({ name, content }: WantedService): string {
  return `${name} ${content.slice(0, 'sha256:'.length + 12)}`
}

/** Says what is being done, and what went wrong if it does. */
async function told(
  { say }: Device,
  beginning: string,
  failure: string,
  deed: () => Promise<unknown>,
): Promise<void> {
  say(beginning)
  try {
    await deed()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${failure} due to '${reason}'`, { error: true })
    throw error
  }
}

/** What is not there any more needs no removing. */
async function gone(removal: Promise<void>): Promise<void> {
  try {
    await removal
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

function appOf(wanted: Wanted, uuid: string): WantedApp {
  const app = wanted.find((it) => it.uuid === uuid)
  if (app === undefined) throw new Error(`cannot work on app ${uuid}: it is not in the target`)
  return app
}

function partOf(wanted: Wanted, uuid: string, kind: 'networks' | 'volumes', name: string) {
  const app = appOf(wanted, uuid)
  const part = app[kind].find((it) => it.part === name)
  if (part === undefined) throw new Error(`cannot make ${name}: it is not in the target`)
  return [app, part] as const
}
