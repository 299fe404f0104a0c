// What a virtual device is made of on the engine where it lives. Everything of it carries one label, and nothing
// without that label is ever touched.
import type { ContainerSpec } from '@copal/engine/containers.ts'
import { deviceContainer } from '@copal/engine/nested-device.ts'
import type { Powers } from '@copal/engine/powers.ts'

/** On container and volumes; its value is the device's uuid. */
export const deviceLabel = 'io.copal.virtual-device'
/** On the container, the name that people gave it. */
export const nameLabel = 'io.copal.virtual-device.name'

/** All virtual devices of a machine share one, as on one LAN: they see each other, and the platform as its gateway. */
export const deviceNetwork = 'copal-devices'

export interface VirtualDeviceOptions {
  /** For people; the platform may know it by another. */
  name: string
  /** As the platform gives it out; it must hold `uuid`. */
  configJson: { uuid: string; [key: string]: unknown }
  deviceType: { slug: string; arch: string; [key: string]: unknown }
  /** As `node images/src/main.ts device` prints it. */
  image: string
  /** Where its port 80 is published on this machine: a port, or 0 for any free one. */
  port80?: number
  /** The address that it is published on; loopback when absent. */
  port80Host?: string
}

export function containerName(uuid: string): string {
  return `copal-device-${uuid.slice(0, 7)}`
}

export function volumeNames(uuid: string): { boot: string; state: string; data: string } {
  const name = containerName(uuid)
  return { boot: `${name}-boot`, state: `${name}-state`, data: `${name}-data` }
}

export function describeDevice(
  options: VirtualDeviceOptions,
  powers: Powers,
): ContainerSpec & { name: string } {
  const { uuid } = options.configJson
  return {
    name: containerName(uuid),
    ...deviceContainer({
      image: options.image,
      powers,
      network: deviceNetwork,
      labels: { [deviceLabel]: uuid, [nameLabel]: options.name },
      hostname: uuid.slice(0, 7),
      volumes: volumeNames(uuid),
      ...(options.port80 === undefined ? {} : { port80: options.port80 }),
      ...(options.port80Host === undefined ? {} : { port80Host: options.port80Host }),
    }),
  }
}

/** The two files of its boot partition, by name. */
export function bootFiles(options: VirtualDeviceOptions): Record<string, string> {
  return {
    'config.json': `${JSON.stringify(options.configJson, null, 2)}\n`,
    'device-type.json': `${JSON.stringify(options.deviceType, null, 2)}\n`,
  }
}
