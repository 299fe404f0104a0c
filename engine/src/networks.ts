import type { Engine } from './engine.ts'
import type { Filters } from './filters.ts'

export interface IpamConfig {
  Subnet?: string
  Gateway?: string
  IPRange?: string
  AuxiliaryAddresses?: Record<string, string>
}

export interface NetworkSpec {
  Name: string
  Driver?: string
  Options?: Record<string, string>
  IPAM?: { Driver?: string; Config?: IpamConfig[]; Options?: Record<string, string> }
  Internal?: boolean
  Attachable?: boolean
  EnableIPv6?: boolean
  ConfigOnly?: boolean
  Labels?: Record<string, string>
}

export interface Network {
  Id: string
  Name: string
  Driver: string
  Labels: Record<string, string> | null
  Options: Record<string, string> | null
  IPAM: { Driver?: string; Config: IpamConfig[] | null }
  Internal: boolean
  /** Present in `inspectNetwork` only. */
  Containers?: Record<string, { Name: string; IPv4Address: string; IPv6Address: string }>
}

/** How a container sits on a network. */
export interface EndpointSpec {
  Aliases?: string[]
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] }
  MacAddress?: string
}

export function listNetworks(engine: Engine, filters?: Filters): Promise<Network[]> {
  return engine.json('GET', '/networks', { query: { filters } })
}

export function inspectNetwork(engine: Engine, idOrName: string): Promise<Network> {
  return engine.json('GET', `/networks/${encodeURIComponent(idOrName)}`)
}

/** Gives the new network's id. 409 when one of that name exists. */
export async function createNetwork(engine: Engine, spec: NetworkSpec): Promise<string> {
  // Engines before API 1.44 make a second network of the same name unless told otherwise.
  const body = { CheckDuplicate: true, ...spec }
  const { Id } = await engine.json<{ Id: string }>('POST', '/networks/create', { body })
  return Id
}

/** 403 while containers are on it. */
export function removeNetwork(engine: Engine, idOrName: string): Promise<void> {
  return engine.done('DELETE', `/networks/${encodeURIComponent(idOrName)}`)
}

export function connectNetwork(
  engine: Engine,
  idOrName: string,
  container: string,
  endpoint: EndpointSpec = {},
): Promise<void> {
  const body = { Container: container, EndpointConfig: endpoint }
  return engine.done('POST', `/networks/${encodeURIComponent(idOrName)}/connect`, { body })
}

export function disconnectNetwork(
  engine: Engine,
  idOrName: string,
  container: string,
  force = false,
): Promise<void> {
  const body = { Container: container, Force: force }
  return engine.done('POST', `/networks/${encodeURIComponent(idOrName)}/disconnect`, { body })
}

/** Removes unused networks; gives their names. */
export async function pruneNetworks(engine: Engine, filters?: Filters): Promise<string[]> {
  const answer = await engine.json<{ NetworksDeleted: string[] | null }>('POST', '/networks/prune', {
    query: { filters },
  })
  return answer.NetworksDeleted ?? []
}
