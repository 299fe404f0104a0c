import type { ContainerSpec } from './containers.ts'
import { nestedContainer } from './nested.ts'
import type { NestedOptions } from './nested.ts'

export interface DeviceOptions extends NestedOptions {
  /** Volumes for what is a partition on other devices. */
  volumes: { boot: string; state: string; data: string }
  hostname: string
  /** Where port 80 of the device is published on the host: a port, 0 for any free one, absent for none. */
  port80?: number
  /** Loopback unless somebody says otherwise. */
  port80Host?: string
}

/** The container of a virtual device. It comes back by itself when it ends, as a device does after a reboot. */
export function deviceContainer(options: DeviceOptions): ContainerSpec {
  const { volumes, port80 } = options
  const spec = nestedContainer(options)
  return {
    ...spec,
    Hostname: options.hostname,
    ...(port80 === undefined ? {} : { ExposedPorts: { '80/tcp': {} } }),
    HostConfig: {
      ...spec.HostConfig,
      RestartPolicy: { Name: 'unless-stopped' },
      Mounts: [
        { Type: 'volume', Source: volumes.boot, Target: '/mnt/boot' },
        { Type: 'volume', Source: volumes.state, Target: '/mnt/state' },
        { Type: 'volume', Source: volumes.data, Target: '/mnt/data' },
      ],
      ...(port80 === undefined
        ? {}
        : {
            PortBindings: {
              '80/tcp': [
                { HostIp: options.port80Host ?? '127.0.0.1', HostPort: port80 === 0 ? '' : String(port80) },
              ],
            },
          }),
    },
  }
}
