// Networks and volumes of a release, in the engine's words.
import type { IpamConfig, NetworkSpec } from '@copal/engine/networks.ts'
import type { VolumeSpec } from '@copal/engine/volumes.ts'
import { label } from './labels.ts'
import { ourLabels } from './observe.ts'
import { isRecord, text, textMap, type WantedApp, type WantedPart } from './wanted.ts'

export function networkSpec(app: WantedApp, network: WantedPart, namespace: string): NetworkSpec {
  const { definition: d } = network
  const ipam = isRecord(d['ipam']) ? d['ipam'] : undefined
  const configs = Array.isArray(ipam?.['config']) ? ipam['config'].filter(isRecord).map(ipamConfig) : []
  return {
    Name: network.name,
    Driver: driverOf(d, 'bridge'),
    Options: textMap(d['driver_opts']),
    Internal: d['internal'] === true,
    EnableIPv6: d['enable_ipv6'] === true,
    ConfigOnly: d['config_only'] === true,
    ...(ipam === undefined ? {} : { IPAM: { Driver: text(ipam['driver']) || 'default', Config: configs } }),
    Labels: {
      ...textMap(d['labels']),
      ...ourLabels(namespace),
      ...(configs.length === 0 ? {} : { 'io.balena.private.ipam.config': 'true' }),
      [label.appId]: String(app.id),
      [label.appUuid]: app.uuid,
      [label.config]: network.digest,
    },
  }
}

function ipamConfig(config: Record<string, unknown>): IpamConfig {
  const named: [keyof IpamConfig, unknown][] = [
    ['Subnet', config['subnet']],
    ['Gateway', config['gateway']],
    ['IPRange', config['ip_range']],
  ]
  const result: IpamConfig = Object.fromEntries(named.filter(([, value]) => text(value) !== ''))
  if (isRecord(config['aux_addresses'])) result.AuxiliaryAddresses = textMap(config['aux_addresses'])
  return result
}

export function volumeSpec(app: WantedApp, volume: WantedPart, namespace: string): VolumeSpec {
  const { definition: d } = volume
  return {
    Name: volume.name,
    Driver: driverOf(d, 'local'),
    DriverOpts: textMap(d['driver_opts']),
    Labels: {
      ...textMap(d['labels']),
      ...ourLabels(namespace),
      [label.appId]: String(app.id),
      [label.appUuid]: app.uuid,
    },
  }
}

/** `default` is how compose says "the usual one". */
function driverOf(definition: WantedPart['definition'], usual: string): string {
  const driver = text(definition['driver'])
  return driver === '' || driver === 'default' ? usual : driver
}
