import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { adminPassword, testServer, type TestServer } from '../test-server.ts'
import { client, expect, seedDevice, seedFleet, seedImage, seedRelease, seedUser } from './test-registry.ts'

interface Entry {
  type: string
  name: string
  actions: string[]
  alias?: string
}

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

async function ask(server: TestServer, query: string, authorization?: string) {
  const answer = await expect(
    200,
    fetch(`${server.url}/auth/v1/token?service=registry&${query}`, {
      headers: authorization ? { Authorization: authorization } : {},
    }),
  )
  const body = (await answer.json()) as { token: string; expires_in: number }
  const claims = decodeJwt<{ access: Entry[] }>(body.token)
  return { ...body, claims, access: claims.access }
}

test('a token says who signed it, for whom, and what it allows, and lives for hours or minutes', async () => {
  await using server = await testServer()
  const image = await seedImage(server.ctx, await seedFleet(server.ctx, 'admin', 'hello'))
  const { token, claims, expires_in } = await ask(
    server,
    `scope=repository:${image}:pull,push`,
    basic('admin', adminPassword),
  )
  assert.deepEqual(decodeProtectedHeader(token), {
    alg: 'ES256',
    typ: 'JWT',
    kid: server.ctx.keys.registry.kid,
  })
  const host = new URL(server.ctx.config.url).host
  assert.equal(claims.iss, host)
  assert.equal(claims.aud, host)
  assert.equal(claims.sub, 'admin')
  assert.equal(claims.exp! - claims.iat!, 4 * 3600)
  assert.equal(claims.nbf, claims.iat! - 10)
  assert.equal(expires_in, 4 * 3600)
  assert.deepEqual(claims.access, [{ type: 'repository', name: image, actions: ['pull', 'push'] }])
})

test('passwords, session tokens and API keys are taken, as Basic, Bearer or in the OAuth2 form', async () => {
  await using server = await testServer()
  const image = await seedImage(server.ctx, await seedFleet(server.ctx, 'admin', 'hello'))
  const key = await server.call('POST', '/api-key/user/full', { name: 'ci' })
  for (const credential of [
    basic('admin', adminPassword),
    basic('admin@example.test', adminPassword),
    basic('admin', server.token),
    basic('admin', key),
    `Bearer ${server.token}`,
    `Bearer ${key}`,
  ]) {
    const { access } = await ask(server, `scope=repository:${image}:push`, credential)
    assert.deepEqual(access[0]!.actions, ['push'])
  }
  const form = { grant_type: 'password', username: 'admin', password: key, scope: `repository:${image}:pull` }
  const answer = await expect(
    200,
    fetch(`${server.url}/auth/v1/token`, { method: 'POST', body: new URLSearchParams(form) }),
  )
  const { access_token } = (await answer.json()) as { access_token: string }
  assert.deepEqual(decodeJwt<{ access: Entry[] }>(access_token).access[0]!.actions, ['pull'])
})

test('a wrong credential is answered 401, whatever its form', async () => {
  await using server = await testServer()
  for (const credential of [
    basic('admin', 'wrong'),
    basic('nobody', 'wrong'),
    basic(`d_${'a'.repeat(32)}`, 'wrong'),
    'Bearer nonsense',
    'Bearer a.b.c',
  ])
    await expect(401, fetch(`${server.url}/auth/v1/token`, { headers: { Authorization: credential } }))
})

test('guessing passwords is slowed down here too, and counted together with other logins', async () => {
  await using server = await testServer()
  for (let i = 0; i < 10; i++)
    await expect(
      401,
      fetch(`${server.url}/auth/v1/token`, { headers: { Authorization: basic('admin', 'wrong') } }),
    )
  await expect(
    429,
    fetch(`${server.url}/auth/v1/token`, { headers: { Authorization: basic('admin', adminPassword) } }),
  )
  const login = { method: 'POST', body: new URLSearchParams({ username: 'admin', password: adminPassword }) }
  await expect(429, fetch(`${server.url}/login_`, login))
})

test('scopes are read in all their spellings: repeated, indexed, several in one', async () => {
  await using server = await testServer()
  const fleet = await seedFleet(server.ctx, 'admin', 'hello')
  const [one, two] = [await seedImage(server.ctx, fleet), await seedImage(server.ctx, fleet, 'db')]
  const wanted = [
    { type: 'repository', name: one, actions: ['pull'] },
    { type: 'repository', name: two, actions: ['pull', 'push'] },
  ]
  const [a, b] = [`repository:${one}:pull`, `repository:${two}:pull,push`]
  for (const query of [`scope=${a}&scope=${b}`, `scope[0]=${a}&scope[1]=${b}`, `scope=${a}%20${b}`])
    assert.deepEqual((await ask(server, query, `Bearer ${server.token}`)).access, wanted)
})

test('where nothing can be granted the answer is still 200, with no actions', async () => {
  await using server = await testServer()
  await seedUser(server.ctx, 'stranger')
  const foreign = await seedImage(server.ctx, await seedFleet(server.ctx, 'stranger', 'secret'))
  for (const credential of [undefined, `Bearer ${server.token}`]) {
    const nothing = `v2/${'0'.repeat(32)}`
    const { access } = await ask(
      server,
      `scope=repository:${foreign}:pull,push&scope=repository:${nothing}:pull`,
      credential,
    )
    assert.deepEqual(access, [
      { type: 'repository', name: foreign, actions: [] },
      { type: 'repository', name: nothing, actions: [] },
    ])
  }
})

test('developers push, operators and observers only pull, and nobody deletes', async () => {
  await using server = await testServer()
  const key = await seedUser(server.ctx, 'colleague')
  const image = await seedImage(server.ctx, await seedFleet(server.ctx, 'admin', 'hello'))
  for (const [role, actions] of [
    ['administrator', ['pull', 'push']],
    ['developer', ['pull', 'push']],
    ['operator', ['pull']],
    ['observer', ['pull']],
  ] as const) {
    await server.ctx.db.sql`
      insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
      select u.id, o.id, r.id from "user" u, organization o, organization_membership_role r
      where u.username = 'colleague' and o.handle = 'admin' and r.name = ${role}
      on conflict ("user", is_member_of__organization) do update set organization_membership_role = excluded.organization_membership_role`
    assert.deepEqual(
      (await ask(server, `scope=repository:${image}:*`, `Bearer ${key}`)).access[0]!.actions,
      actions,
    )
  }
})

test("a device pulls its own fleet's images for a quarter of an hour at a time, and no others", async () => {
  await using server = await testServer()
  const { ctx } = server
  const fleet = await seedFleet(ctx, 'admin', 'hello')
  const other = await seedFleet(ctx, 'admin', 'other')
  const [own, foreign] = [await seedImage(ctx, fleet), await seedImage(ctx, other)]
  const { uuid, key } = await seedDevice(ctx, fleet)
  const query = `scope=repository:${own}:pull,push&scope=repository:${foreign}:pull`
  const { access, expires_in, claims } = await ask(server, query, basic(`d_${uuid}`, key))
  assert.equal(claims.sub, `d_${uuid}`)
  assert.equal(expires_in, 15 * 60)
  assert.deepEqual(
    access.map((entry) => entry.actions),
    [['pull'], []],
  )

  // A supervisor from a private fleet, given to the device by name.
  const release = await seedRelease(ctx, other, [foreign])
  await ctx.db.sql`update device set should_be_managed_by__release = ${release} where uuid = ${uuid}`
  assert.deepEqual((await ask(server, query, basic(`d_${uuid}`, key))).access[1]!.actions, ['pull'])

  const another = await seedDevice(ctx, fleet)
  await expect(
    401,
    fetch(`${server.url}/auth/v1/token`, { headers: { Authorization: basic(`d_${uuid}`, another.key) } }),
  )
})

test('everybody pulls the images of a public fleet, also by the name of fleet and release', async () => {
  await using server = await testServer()
  const { ctx } = server
  const fleet = await seedFleet(ctx, 'admin', 'amd64-supervisor', true)
  const [old, current, newest] = [
    await seedImage(ctx, fleet),
    await seedImage(ctx, fleet),
    await seedImage(ctx, fleet),
  ]
  await seedRelease(ctx, fleet, [old], { semver: '20.0.0', commit: 'a'.repeat(40) })
  const running = await seedRelease(ctx, fleet, [current], { semver: '20.1.0', commit: 'b'.repeat(40) })
  await seedRelease(ctx, fleet, [newest], { semver: '21.0.0', commit: 'c'.repeat(40) })
  await ctx.db.sql`update application set should_be_running__release = ${running} where id = ${fleet}`
  for (const [which, name] of [
    ['', current],
    ['/current', current],
    ['/default', current],
    ['/pinned', current],
    ['/latest', newest],
    ['/20.0.0', old],
    [`/${'b'.repeat(40)}`, current],
    [`/${'a'.repeat(7)}`, old],
  ]) {
    const alias = `admin/amd64-supervisor${which}`
    const { access } = await ask(server, `scope=repository:${alias}:pull,push`)
    assert.deepEqual(access, [{ type: 'repository', name, alias, actions: ['pull'] }], alias)
  }
})

test('the other name of what may not be read, or of several services, leads nowhere', async () => {
  await using server = await testServer()
  const { ctx } = server
  await seedUser(ctx, 'stranger')
  const secret = await seedFleet(ctx, 'stranger', 'secret')
  await seedRelease(ctx, secret, [await seedImage(ctx, secret)])
  const many = await seedFleet(ctx, 'admin', 'many')
  await seedRelease(ctx, many, [await seedImage(ctx, many, 'one'), await seedImage(ctx, many, 'two')])
  for (const alias of [
    'stranger/secret/latest',
    'admin/many/latest',
    'admin/none/latest',
    'admin/many/1.2.3/4',
  ]) {
    const { access } = await ask(server, `scope=repository:${alias}:pull`, `Bearer ${server.token}`)
    assert.deepEqual(access, [{ type: 'repository', name: alias, actions: [] }], alias)
  }
})

test('the registry serves an image under the name of fleet and release', async () => {
  await using server = await testServer()
  const { ctx } = server
  const fleet = await seedFleet(ctx, 'admin', 'amd64-supervisor', true)
  const image = await seedImage(ctx, fleet)
  const pusher = await ask(server, `scope=repository:${image}:pull,push`, `Bearer ${server.token}`)
  const digest = await client(server, pusher.token).pushImage(image, 'latest')
  await seedRelease(ctx, fleet, [image])
  const alias = 'admin/amd64-supervisor/latest'
  const { token } = await ask(server, `scope=repository:${alias}:pull`)
  const found = await expect(200, client(server, token).send('GET', `/v2/${alias}/manifests/latest`))
  assert.equal(found.headers.get('docker-content-digest'), digest)
  const { layers } = (await found.json()) as { layers: { digest: string }[] }
  await expect(200, client(server, token).send('GET', `/v2/${alias}/blobs/${layers[0]!.digest}`))
})

test('a device or user that was removed is refused at once, whatever its token says', async () => {
  await using server = await testServer()
  const { ctx } = server
  const fleet = await seedFleet(ctx, 'admin', 'hello')
  const image = await seedImage(ctx, fleet)
  const pusher = await ask(server, `scope=repository:${image}:pull,push`, `Bearer ${server.token}`)
  await client(server, pusher.token).pushImage(image, 'latest')
  const { uuid, key } = await seedDevice(ctx, fleet)
  const { token } = await ask(server, `scope=repository:${image}:pull`, basic(`d_${uuid}`, key))
  await expect(200, client(server, token).send('GET', `/v2/${image}/manifests/latest`))
  await ctx.db.sql`delete from device where uuid = ${uuid}`
  await expect(401, client(server, token).send('GET', `/v2/${image}/manifests/latest`))

  await expect(202, client(server, pusher.token).send('POST', `/v2/${image}/blobs/uploads/`))
  await ctx.db.sql`delete from organization_membership`
  await expect(401, client(server, pusher.token).send('POST', `/v2/${image}/blobs/uploads/`))
})
