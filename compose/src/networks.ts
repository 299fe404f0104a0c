// Networks and volumes at the top of a compose file, and the networks of a service.
import type { Warning } from './project-error.ts'
import { entries, flag, isNull, items, onlyKeys, refuse, text, textMap, texts } from './values.ts'
import { plain, type Node } from './yaml.ts'

type Section = Record<string, Record<string, unknown>>

/** Names of services, volumes and networks as devices take them (device API, "Validation done on the device"). */
export function partName(name: string, node: Node): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(name)) return name
  return refuse(
    node,
    `the name ${JSON.stringify(name)} must be letters, digits, "_", "." and "-", and begin with a letter or digit`,
  )
}

export function topNetworks(node: Node): Section {
  return section(node, (network) => {
    const out = topEntry(
      network,
      ['bridge', 'default'],
      ['internal', 'enable_ipv6', 'enable_ipv4', 'attachable', 'ipam', 'config_only'],
    )
    for (const key of ['attachable', 'enable_ipv4', 'enable_ipv6']) {
      const value = entries(network).get(key)
      if (value && !(key !== 'enable_ipv4' && !flag(value)))
        refuse(value, 'networks of a device do not have it · remove the key')
      delete out[key]
    }
    const internal = entries(network).get('internal')
    if (internal) out['internal'] = flag(internal)
    const ipam = entries(network).get('ipam')
    if (ipam) checkIpam(ipam)
    return out
  })
}

function checkIpam(ipam: Node): void {
  onlyKeys(ipam, ['driver', 'config', 'options'])
  for (const config of items(entries(ipam).get('config') ?? { kind: 'list', items: [], where: ipam.where })) {
    onlyKeys(config, ['subnet', 'gateway', 'ip_range'], (key) =>
      key === 'aux_addresses' ? 'devices do not reserve addresses · remove the key' : undefined,
    )
  }
}

export function topVolumes(node: Node): Section {
  return section(node, (volume) => topEntry(volume, ['local', 'default'], []))
}

function section(node: Node, one: (node: Node) => Record<string, unknown>): Section {
  return Object.fromEntries([...entries(node)].map(([name, value]) => [partName(name, value), one(value)]))
}

/** `external: false` says what holds anyway; `name` would be shared between fleets. */
function topEntry(node: Node, drivers: string[], more: string[]): Record<string, unknown> {
  if (isNull(node)) return {}
  onlyKeys(node, ['driver', 'driver_opts', 'external', 'labels', 'name', ...more])
  const external = entries(node).get('external')
  if (external && (external.kind === 'map' || flag(external))) {
    refuse(external, 'a device has only what the release itself declares · remove external')
  }
  const driver = entries(node).get('driver')
  if (driver && !isNull(driver) && !drivers.includes(text(driver)))
    refuse(driver, `devices have no driver but ${drivers.join(' and ')}`)
  const out: Record<string, unknown> = {}
  for (const [key, value] of entries(node)) {
    if (['external', 'name'].includes(key) || key.startsWith('x-') || isNull(value)) continue
    out[key] = key === 'labels' || key === 'driver_opts' ? textMap(value) : plain(value)
  }
  return out
}

export type ServiceNetworks = { value: string[] | Section; names: { name: string; node: Node }[] }

/** A list stays a list; a map keeps aliases and addresses. */
export function serviceNetworks(node: Node, warnings: Warning[]): ServiceNetworks {
  if (node.kind !== 'map')
    return { value: texts(node), names: items(node).map((item) => ({ name: text(item), node: item })) }
  const value: Section = {}
  for (const [name, how] of node.entries) {
    const kept: Record<string, unknown> = {}
    for (const [key, of] of entries(how)) {
      if (key === 'aliases') kept[key] = texts(of)
      else if (key === 'ipv4_address' || key === 'ipv6_address') kept[key] = text(of)
      else if (key === 'link_local_ips') refuse(of, 'devices give no link-local addresses · remove the key')
      else if (!key.startsWith('x-'))
        warnings.push({ text: `${of.where.key} has no effect on devices`, ...lineOf(of) })
    }
    value[partName(name, how)] = kept
  }
  return { value, names: [...node.entries].map(([name, how]) => ({ name, node: how })) }
}

function lineOf(node: Node): { line?: number } {
  return node.where.line ? { line: node.where.line } : {}
}
