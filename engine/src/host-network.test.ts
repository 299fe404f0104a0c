import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseResolvers, publicLinks } from './host-network.ts'

test('resolvers are read from resolv.conf, those on loopback are left out', () => {
  const file =
    '# made by hand\nsearch lan\nnameserver 127.0.0.53\n nameserver 192.168.1.1\nnameserver fd00::53\n'
  assert.deepEqual(parseResolvers(file), ['192.168.1.1', 'fd00::53'])
})

test('links with public addresses are named, those that come and go with containers are not', () => {
  const link = (cidr: string, family = 'IPv4') => ({ address: cidr.split('/')[0] as string, family, cidr })
  const links = [
    link('203.0.113.7/24'),
    link('172.17.0.1/16'),
    link('192.168.1.5/24'),
    link('fe80::1/64', 'IPv6'),
  ]
  assert.deepEqual(publicLinks(links), ['203.0.113.7/24'])
})
