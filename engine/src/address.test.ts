import assert from 'node:assert/strict'
import test from 'node:test'
import { parseAddress } from './address.ts'

test('sockets and TCP addresses are read as DOCKER_HOST spells them', () => {
  assert.deepEqual(parseAddress('unix:///run/docker.sock'), { socketPath: '/run/docker.sock' })
  assert.deepEqual(parseAddress('/run/docker.sock'), { socketPath: '/run/docker.sock' })
  assert.deepEqual(parseAddress('tcp://10.0.0.5'), { host: '10.0.0.5', port: 2375 })
  assert.deepEqual(parseAddress('tcp://[::1]:2377'), { host: '::1', port: 2377 })
})

test('an address that is neither is refused with the way out', () => {
  assert.throws(() => parseAddress('ssh://host'), /write unix:\/\/\/path or tcp:\/\/host:port/)
})
