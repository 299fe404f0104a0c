import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminPassword, testServer } from '../test-server.ts'

test('a right password gives a session token as plain text, a wrong one 401', async () => {
  await using server = await testServer()
  const login = (username: string, password: string) =>
    fetch(`${server.url}/login_`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
    })
  const right = await login('Admin@Example.test', adminPassword)
  assert.equal(right.headers.get('content-type'), 'text/plain')
  assert.match(await right.text(), /^[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.equal((await login('admin', 'wrong')).status, 401)
  assert.equal((await login('nobody', 'wrong')).status, 401)
})

test('after ten wrong passwords a name is closed for an hour, also for the right one', async () => {
  await using server = await testServer()
  const login = (password: string) =>
    fetch(`${server.url}/login_`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password }),
    })
  for (let i = 0; i < 10; i++) assert.equal((await login('wrong')).status, 401)
  const closed = await login(adminPassword)
  assert.equal(closed.status, 429)
  assert.equal(closed.headers.get('retry-after'), '3600')
})

test('whoami tells users who they are, and refuses what it does not know', async () => {
  await using server = await testServer()
  const me = await server.call('GET', '/actor/v1/whoami')
  assert.equal(me.actorType, 'user')
  assert.equal(me.username, 'admin')
  for (const token of ['nonsense', 'a.b.c']) {
    const answer = await fetch(`${server.url}/actor/v1/whoami`, {
      headers: { Authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 401)
  }
})

test('a user makes an API key with a fresh session, but not with an API key', async () => {
  await using server = await testServer()
  const key = await server.call('POST', '/api-key/user/full', { name: 'ci' })
  assert.match(key, /^[A-Za-z0-9]{32}$/)
  const me = await server.call('GET', '/actor/v1/whoami', undefined, key)
  assert.equal(me.username, 'admin')
  await assert.rejects(server.call('POST', '/api-key/user/full', { name: 'more' }, key), /401/)
})

test('plain HTTP and TLS are answered on one port, with a certificate of our own authority', async () => {
  await using server = await testServer()
  const ca = await (await fetch(`${server.url}/ca.pem`)).text()
  const { request } = await import('node:https')
  const body = await new Promise<string>((done, failed) => {
    request(`${server.url.replace('http:', 'https:')}/ping`, { ca }, (response) => {
      response.setEncoding('utf8').once('data', done)
    })
      .once('error', failed)
      .end()
  })
  assert.equal(body, 'OK')
})
