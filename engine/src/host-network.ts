// What a builder must know of the network of the machine that it is on: where not to go, and whom to ask for names.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { BlockList } from 'node:net'

export interface HostNetwork {
  /** The machine's own addresses and the networks on its links, as CIDR, where they are public ones. */
  forbidden: string[]
  /** Resolvers that are asked from inside of a container's network. */
  resolvers: string[]
}

/** For `BuilderOptions`. The same from call to call, whatever containers and their bridges come and go. */
export function readHostNetwork(): HostNetwork {
  const links = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return {
    forbidden: publicLinks(links),
    // Where systemd-resolved is the first's only resolver, the engine passes on the second's.
    resolvers: ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].flatMap((file) =>
      parseResolvers(text(file)),
    ),
  }
}

// What the builder forbids anyway (images/builder); IPv6 is off inside of it.
const neverPublic = new BlockList()
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
] as const) {
  neverPublic.addSubnet(net, bits, 'ipv4')
}

export function publicLinks(links: { address: string; family: string; cidr: string | null }[]): string[] {
  const found = links.flatMap(({ address, family, cidr }) =>
    family === 'IPv4' && cidr && !neverPublic.check(address, 'ipv4') ? [cidr] : [],
  )
  return [...new Set(found)].toSorted()
}

/** The resolvers named in a resolv.conf, without those on loopback: the engine asks these from the host's own network. */
export function parseResolvers(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map(([, address = '']) => address)
    .filter((address) => address !== '::1' && !address.startsWith('127.'))
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
