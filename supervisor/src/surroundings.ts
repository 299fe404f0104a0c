import { join } from 'node:path'
import { parseAddress } from '@copal/engine/address.ts'
import type { Surroundings } from './container.ts'
import type { Device } from './device.ts'
import { hostPaths } from './features.ts'

/** Gathers what containers learn of this device; `exists` is asked for paths of the host as seen from here. */
export async function surroundingsOf(
  device: Device,
  deviceName: string,
  exists: (path: string) => Promise<boolean>,
): Promise<Surroundings> {
  const { settings, host, uuid, key, platform } = device
  const address = parseAddress(settings.engine)
  const engineSocket = 'socketPath' in address ? address.socketPath : '/var/run/docker.sock'
  const there = new Set<string>()
  for (const path of hostPaths(engineSocket)) {
    if (await exists(join(settings.hostRoot, path))) there.add(path)
  }
  return {
    uuid,
    deviceName,
    deviceType: host.deviceType,
    arch: host.arch,
    osVersion: host.osName,
    apiEndpoint: platform?.endpoint ?? '',
    deviceKey: key,
    engineSocket,
    exists: (path) => there.has(path),
    namespace: settings.namespace,
  }
}
