import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createUser } from '../accounts/create-user.ts'
import { insertKey, makeKey } from '../auth/api-key.ts'
import { adminPassword, testServer } from '../test-server.ts'
import { newClone, testRemote, type Remote } from './test-remote.ts'

const server = await testServer()
after(() => server[Symbol.asyncDispose]())

const as = (remote: Remote, username: string, password: string) =>
  remote.address.replace(/\/\/[^@]*@/, `//${username}:${encodeURIComponent(password)}@`)

test('an API key, a session token and a password are taken; a wrong password is not', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.git('push', 'copal', 'main')
  const key = makeKey()
  const [admin] = await remote.ctx.db.sql<
    { actor: number }[]
  >`select actor from "user" where username = 'admin'`
  await insertKey(remote.ctx.db.sql, {
    actor: admin!.actor,
    role: 'named-user-api-key',
    value: key,
    name: 'ci',
  })
  for (const address of [
    as(remote, 'anything', key),
    as(remote, 'x', remote.token),
    as(remote, 'admin', adminPassword),
    as(remote, 'admin', adminPassword).replace(/\.git$/, ''),
    as(remote, 'admin', adminPassword).replace('/admin/robots', '/Admin/Robots'),
  ]) {
    const listed = await clone.git('ls-remote', address)
    assert.equal(listed.code, 0, listed.output)
  }
  const wrong = await clone.git('ls-remote', as(remote, 'admin', 'wrong'))
  assert.match(wrong.output, /Authentication failed/)
  const bare = await fetch(`${remote.url}/git/admin/robots.git/info/refs?service=git-upload-pack`)
  assert.equal(bare.status, 401)
  assert.match(bare.headers.get('www-authenticate')!, /^Basic realm="Copal"/)
})

test('a fleet is served whatever the umask of the server is', async () => {
  await using remote = await testRemote(server)
  await remote.forgetCache()
  const before = process.umask(0o077)
  try {
    const clone = await remote.clone()
    const push = await clone.git('push', 'copal', 'main')
    assert.equal(push.code, 0, push.output)
    assert.equal((await clone.git('ls-remote', 'copal')).code, 0)
  } finally {
    process.umask(before)
  }
})

test('a foreign fleet looks like one that does not exist, and git shows the sentence', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await createUser(remote.ctx, { username: 'eve', email: 'eve@example.test', password: 'open sesame' })
  const foreign = await clone.git('push', as(remote, 'eve', 'open sesame'), 'main')
  assert.notEqual(foreign.code, 0)
  assert.match(
    foreign.output,
    /remote: cannot find fleet admin\/robots-\d+: it does not exist, or it is not yours/,
  )
  const missing = await clone.git('ls-remote', `${remote.address.replace(/robots-\d+/, 'nothing')}`)
  assert.match(missing.output, /remote: cannot find fleet admin\/nothing/)
})

test('operators and observers fetch, developers push', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.git('push', 'copal', 'main')
  for (const role of ['operator', 'observer', 'developer']) {
    const user = await createUser(remote.ctx, {
      username: role,
      email: `${role}@example.test`,
      password: 'open sesame',
    })
    await remote.ctx.db.sql`
      insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
      select ${user.id}, o.id, r.id from organization o, organization_membership_role r
      where o.handle = 'admin' and r.name = ${role}`
    const address = as(remote, role, 'open sesame')
    assert.equal((await clone.git('ls-remote', address)).code, 0)
    await clone.commit('app.js', role)
    const push = await clone.git('push', address, 'main')
    if (role === 'developer') assert.equal(push.code, 0, push.output)
    else
      assert.match(
        push.output,
        new RegExp(`remote: cannot push to admin/robots-\\d+: you are an ${role} there`),
      )
  }
})

test('the dumb protocol and other addresses are refused with a sentence', async () => {
  await using remote = await testRemote(server)
  const at = (path: string, init?: RequestInit) =>
    fetch(`${remote.address.replace(/\/\/[^@]*@/, '//')}${path}`, init)
  const dumb = await at('/info/refs')
  assert.equal(dumb.status, 403)
  assert.match(await dumb.text(), /cannot speak the dumb protocol/)
  assert.equal((await at('/objects/info/packs')).status, 404)
  assert.equal((await at('/git-upload-pack')).status, 405)
  assert.equal((await at('/git-receive-pack', { method: 'POST', body: 'x' })).status, 415)
})

test('a gzip body is unpacked, a broken one leaves the server whole', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  const commit = await clone.commit('app.js', '1')
  await clone.git('push', 'copal', 'main')
  const ask = (body: Uint8Array<ArrayBuffer>) =>
    fetch(`${remote.address.replace(/\/\/[^@]*@/, '//')}/git-upload-pack`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${remote.token}`,
        'Content-Type': 'application/x-git-upload-pack-request',
        'Content-Encoding': 'gzip',
      },
      body,
    })
  const wish = `want ${commit}\n`
  const request = `${(wish.length + 4).toString(16).padStart(4, '0')}${wish}00000009done\n`
  const whole = Buffer.from(await (await ask(new Uint8Array(gzipSync(request)))).arrayBuffer())
  assert.match(whole.toString('latin1'), /^0008NAK\nPACK/)
  const broken = await ask(new Uint8Array(gzipSync(request).subarray(0, 25)))
  assert.doesNotMatch(await broken.text().catch(() => ''), /PACK/)
  assert.equal((await clone.git('ls-remote', 'copal')).code, 0)
})

test('protocol versions 0 to 2 fetch, deep and shallow', async () => {
  await using remote = await testRemote(server)
  const clone = await remote.clone()
  await clone.commit('app.js', '1')
  await clone.commit('app.js', '2')
  await clone.git('push', 'copal', 'main')
  for (const version of ['0', '1', '2'])
    for (const [depth, count] of [
      ['1', '1'],
      ['100', '3'],
    ]) {
      const reader = await newClone(await remote.folder(), remote.address)
      const config = ['-c', `protocol.version=${version}`]
      const fetched = await reader.git(...config, 'fetch', '-q', '--depth', depth!, 'copal', 'main')
      assert.equal(fetched.code, 0, fetched.output)
      const counted = await reader.git('rev-list', '--count', 'FETCH_HEAD')
      assert.equal(counted.output.trim(), count)
    }
})

test('a client that asks before it sends its body is told to go on', async () => {
  await using remote = await testRemote(server)
  const { pathname } = new URL(remote.address)
  const told = Promise.withResolvers<void>()
  const status = await new Promise<number>((done, failed) => {
    const asking = request(`${remote.url}${pathname}/git-receive-pack`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${remote.token}`,
        'Content-Type': 'application/x-git-receive-pack-request',
        Expect: '100-continue',
      },
    })
    asking.once('error', failed)
    asking.once('continue', () => {
      told.resolve()
      asking.end('0000') // a probe, as clients send before a large push
    })
    asking.once('response', (response) => {
      response.resume()
      done(response.statusCode!)
    })
    asking.flushHeaders()
  })
  await told.promise
  assert.equal(status, 200)
})
