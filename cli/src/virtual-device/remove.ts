import { listContainers, removeContainer } from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { listVolumes, removeVolume } from '@copal/engine/volumes.ts'
import { deviceLabel } from './describe.ts'

/** Takes a virtual device away with all that it holds; one that is gone is fine. The platform's record is not touched. */
export async function removeVirtualDevice(engine: Engine, uuid: string): Promise<void> {
  const filters = { label: [`${deviceLabel}=${uuid}`] }
  for (const { Id } of await listContainers(engine, { all: true, filters })) {
    await removeContainer(engine, Id, { force: true, volumes: true })
  }
  for (const { Name } of await listVolumes(engine, filters)) await removeVolume(engine, Name)
}
