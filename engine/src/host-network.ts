// What a builder must know of the network of the machine that it is on: where not to go, and whom to ask for names.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

export interface HostNetwork {
  /** The machine's own addresses and the networks on its links, as CIDR: for `BuilderOptions.forbidden`. */
  forbidden: string[]
  /** Resolvers that are asked from inside of a container's network: for `BuilderOptions.resolvers`. */
  resolvers: string[]
}

export function readHostNetwork(): HostNetwork {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return {
    forbidden: addresses.filter(({ internal, cidr }) => !internal && cidr).map(({ cidr }) => cidr as string),
    // Where systemd-resolved is the first's only resolver, the engine passes on the second's.
    resolvers: ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].flatMap((file) =>
      parseResolvers(text(file)),
    ),
  }
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
