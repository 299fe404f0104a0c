// Addresses by which the device is known on its networks.
import { networkInterfaces } from 'node:os'
import { readdir } from 'node:fs/promises'
import { readIfThere } from '../files.ts'

/** Interfaces of engines, tunnels and our own (supervisor, "Metrics and identity"). */
const inner =
  /^(?:balena|docker|rce|tun)\d+$|^(?:resin-vpn|lo|resin-dns|supervisor0)$|-redsocks$|^br-[0-9a-f]{12}$|^veth/

/** All of them, separated by spaces. */
export function ipAddresses(interfaces = networkInterfaces()): string {
  return Object.entries(interfaces)
    .filter(([name]) => !inner.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, scopeid, family }) => !internal && !(family === 'IPv6' && scopeid !== 0))
    .map(({ address }) => address)
    .join(' ')
}

/** All hardware addresses in capitals, separated by spaces. */
export async function macAddresses(folder = '/sys/class/net'): Promise<string> {
  const names = await readdir(folder).catch(() => [])
  const found = new Set<string>()
  for (const name of names.toSorted()) {
    if (inner.test(name)) continue
    const address =
      (await readIfThere(`${folder}/${name}/address`).catch(() => ''))?.trim().toUpperCase() ?? ''
    if (address !== '' && address !== '00:00:00:00:00:00') found.add(address)
  }
  return [...found].join(' ')
}
