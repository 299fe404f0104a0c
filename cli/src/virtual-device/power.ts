import { listContainers, startContainer, stopContainer } from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { deviceLabel } from './describe.ts'

/** Switches a virtual device on; one that is on is fine. @throws Error when there is none of that uuid */
export async function startVirtualDevice(engine: Engine, uuid: string): Promise<void> {
  await startContainer(engine, await containerOf(engine, uuid))
}

/** Shuts a virtual device down in order, within 30 s; one that is off is fine. It stays off until it is started. */
export async function stopVirtualDevice(engine: Engine, uuid: string): Promise<void> {
  await stopContainer(engine, await containerOf(engine, uuid))
}

/** The container's id; only ever one that carries our label. */
export async function containerOf(engine: Engine, uuid: string): Promise<string> {
  const [found] = await listContainers(engine, { all: true, filters: { label: [`${deviceLabel}=${uuid}`] } })
  if (!found)
    throw new Error(`cannot find virtual device ${uuid.slice(0, 7)} on this machine · see copal device list`)
  return found.Id
}
