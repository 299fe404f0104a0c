import { listContainers } from '@copal/engine/containers.ts'
import type { ContainerSummary } from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { deviceLabel, nameLabel } from './describe.ts'

export interface VirtualDevice {
  uuid: string
  name: string
  container: string
  on: boolean
  /** Where its port 80 answers on this machine, as a URL; absent when it is off or publishes none. */
  url?: string
}

/** The virtual devices of an engine, the oldest first. */
export async function listVirtualDevices(engine: Engine): Promise<VirtualDevice[]> {
  const found = await listContainers(engine, { all: true, filters: { label: [deviceLabel] } })
  return found.toSorted((a, b) => a.Created - b.Created).map(virtualDevice)
}

/** One of them. @returns undefined when there is none of that uuid */
export async function findVirtualDevice(engine: Engine, uuid: string): Promise<VirtualDevice | undefined> {
  const [found] = await listContainers(engine, { all: true, filters: { label: [`${deviceLabel}=${uuid}`] } })
  return found && virtualDevice(found)
}

export function virtualDevice(container: ContainerSummary): VirtualDevice {
  const port = container.Ports.find(({ PrivatePort, PublicPort }) => PrivatePort === 80 && PublicPort)
  const host = port?.IP === '0.0.0.0' || port?.IP === '::' || !port?.IP ? 'localhost' : port.IP
  const url =
    port &&
    `http://${host === '127.0.0.1' ? 'localhost' : host}${port.PublicPort === 80 ? '' : `:${port.PublicPort}`}`
  return {
    uuid: container.Labels[deviceLabel] ?? '',
    name: container.Labels[nameLabel] ?? '',
    container: container.Id,
    on: container.State === 'running',
    ...(url ? { url } : {}),
  }
}
