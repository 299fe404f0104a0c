import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseResolvers } from './host-network.ts'

test('resolvers are read from resolv.conf, those on loopback are left out', () => {
  const file =
    '# made by hand\nsearch lan\nnameserver 127.0.0.53\n nameserver 192.168.1.1\nnameserver fd00::53\n'
  assert.deepEqual(parseResolvers(file), ['192.168.1.1', 'fd00::53'])
})
