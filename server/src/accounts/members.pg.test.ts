import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDevice, testFleet } from '../devices/test-fleet.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { createUser } from './create-user.ts'

async function person(server: TestServer, username: string): Promise<string> {
  const password = 'battery staple'
  await createUser(server.ctx, { username, email: `${username}@example.test`, password })
  return server.call('POST', '/login_', { username, password })
}

test('a member is added by user name, given another role, and leaves', async () => {
  await using server = await testServer()
  const token = await person(server, 'bob')
  const fleets = async () => (await server.call('GET', '/v7/application/$count', undefined, token)).d
  await testFleet(server)
  assert.equal(await fleets(), 0)
  const wish = { username: 'bob', is_member_of__organization: 1 }
  await assert.rejects(server.call('POST', '/v7/organization_membership', wish, token), /40[19]/)
  const member = await server.call('POST', '/v7/organization_membership', wish)
  assert.equal(member.effective_seat_role, 'developer')
  assert.equal(await fleets(), 1)
  await assert.rejects(server.call('POST', '/v7/organization_membership', wish), /409.*must be unique/)
  const [role] = (await server.call('GET', "/v7/organization_membership_role(name='observer')")).d
  const change = { organization_membership_role: role.id }
  await assert.rejects(
    server.call('PATCH', `/v7/organization_membership(${member.id})`, change, token),
    /401/,
  )
  await server.call('PATCH', `/v7/organization_membership(${member.id})`, change)
  assert.equal(await fleets(), 1)
  await server.call('DELETE', `/v7/organization_membership(${member.id})`, undefined, token)
  assert.equal(await fleets(), 0)
})

test('the sshd of a device is told the public keys of those who may change it, and of nobody else', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI admin@laptop'
  await server.call('POST', '/v7/user__has__public_key', { title: 'laptop', public_key: `${key}\n`, user: 1 })
  const token = await person(server, 'bob')
  await server.call('POST', '/v7/user__has__public_key', { title: 'laptop', public_key: key }, token)
  const keysOf = (name: string) => server.call('GET', `/auth/v1/public-keys/${name}`, undefined, device.key)
  assert.equal(await keysOf('admin'), key)
  assert.equal(await keysOf('bob'), '')
  assert.equal(await keysOf('nobody'), '')
  await assert.rejects(server.call('GET', '/auth/v1/public-keys/admin'), /401/)
  for (const nonsense of ['hello', `${key}\n${key}`, 'ssh-rsa', 'command="x" ssh-rsa AAAA'])
    await assert.rejects(
      server.call('POST', '/v7/user__has__public_key', { title: 'x', public_key: nonsense }),
      /400.*public key/,
    )
})

test("a key for somebody else's name is refused", async () => {
  await using server = await testServer()
  const token = await person(server, 'bob')
  const wish = { title: 'x', public_key: 'ssh-rsa AAAA', user: 1 }
  await assert.rejects(server.call('POST', '/v7/user__has__public_key', wish, token), /40[19]/)
})

test('HEAD is answered like GET, without the body', async () => {
  await using server = await testServer()
  const head = await fetch(`${server.url}/v7/device_type`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
})
