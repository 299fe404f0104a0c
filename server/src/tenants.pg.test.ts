// Nobody sees or changes what is not theirs: every resource, every method, every kind of asker.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUser } from './accounts/create-user.ts'
import { testDevice, testFleet, testRelease, type TestDevice, type TestFleet } from './devices/test-fleet.ts'
import { resources } from './resources.ts'
import { isOne, type Resource } from './kit/odata/resource.ts'
import { testServer, type TestServer } from './test-server.ts'

const common = new Set([
  'cpu_architecture', 'device_type', 'device_type_alias', 'application_type', 'organization_membership_role',
]) // oxfmt-ignore
const own = resources.filter(
  (resource) => !resource.from.startsWith('(select null') && !common.has(resource.name),
)

interface Estate {
  fleet: TestFleet
  device: TestDevice
  /** A row of every table. */
  rows: Record<string, number>
}

/** Something of everything in the administrator's organization. */
async function estate(server: TestServer): Promise<Estate> {
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const { sql } = server.ctx.db
  const post = async (path: string, body: object): Promise<number> =>
    (await server.call('POST', `/v7/${path}`, body)).id
  const main = release.services.main!
  const [install] = await sql`select id from service_install where device = ${device.id}`
  const [part] = await sql`select id from release_image where image = ${main.image}`
  const [installed] = await sql`
    insert into image_install (device, installs__image, is_provided_by__release, status)
    values (${device.id}, ${main.image}, ${release.id}, 'Running') returning id`
  const variable = { name: 'SECRET', value: 'x' }
  const config = { name: 'BALENA_SECRET', value: 'x' }
  const tag = { tag_key: 'secret', value: 'x' }
  const of = { application: fleet.id }
  const [key] =
    await sql`select id from api_key where is_of__actor = (select actor from application where id = ${fleet.id})`
  return {
    fleet,
    device,
    rows: {
      actor: 1,
      user: 1,
      organization: 1,
      organization_membership: 1,
      api_key: key!.id,
      user__has__public_key: await post('user__has__public_key', {
        user: 1,
        title: 'laptop',
        public_key: 'ssh-ed25519 AAAAC3Nz admin',
      }),
      application: fleet.id,
      service: main.id,
      release: release.id,
      image: main.image,
      release_image: part!.id,
      image_label: await post('image_label', { release_image: part!.id, label_name: 'a', value: 'b' }),
      image_environment_variable: await post('image_environment_variable', {
        release_image: part!.id,
        name: 'A',
        value: 'b',
      }),
      device: device.id,
      image_install: installed!.id,
      service_install: install!.id,
      application_environment_variable: await post('application_environment_variable', {
        ...of,
        ...variable,
      }),
      application_config_variable: await post('application_config_variable', { ...of, ...config }),
      build_environment_variable: await post('build_environment_variable', { ...of, ...variable }),
      device_environment_variable: await post('device_environment_variable', {
        device: device.id,
        ...variable,
      }),
      device_config_variable: await post('device_config_variable', { device: device.id, ...config }),
      service_environment_variable: await post('service_environment_variable', {
        service: main.id,
        ...variable,
      }),
      device_service_environment_variable: await post('device_service_environment_variable', {
        service_install: install!.id,
        ...variable,
      }),
      service_label: await post('service_label', { service: main.id, label_name: 'a', value: 'b' }),
      application_tag: await post('application_tag', { ...of, ...tag }),
      device_tag: await post('device_tag', { device: device.id, ...tag }),
      release_tag: await post('release_tag', { release: release.id, ...tag }),
    },
  }
}

/** A user with an organization of their own; in the administrator's too, where a role is given. */
async function stranger(server: TestServer, username: string, role?: string): Promise<string> {
  const password = 'battery staple'
  const user = await createUser(server.ctx, { username, email: `${username}@example.test`, password })
  const { sql } = server.ctx.db
  if (role)
    await sql`
      insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
      select ${user.id}, 1, id from organization_membership_role where name = ${role}`
  const login = await fetch(`${server.url}/login_`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  return login.text()
}

async function ask(
  server: TestServer,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
) {
  const response = await fetch(`${server.url}/v7/${path}`, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, text, d: response.ok && text ? JSON.parse(text).d : undefined }
}

/** Every table as text, by name; without what a stranger may do with an organization of their own. */
async function everything({ ctx: { db } }: TestServer): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (const { name } of own) {
    const mine = name.startsWith('organization') ? db.sql`where id = 1` : db.sql``
    all.set(name, JSON.stringify(await db.sql`select * from ${db.sql(name)} ${mine} order by id`))
  }
  return all
}

/** A body that would be good if the asker were allowed: every field and link that may be written. */
function bodyFor(resource: Resource, { rows }: Estate): Record<string, unknown> {
  const sample = {
    integer: 1,
    decimal: 1,
    bigint: '1',
    text: 'BALENA_x',
    boolean: true,
    date: 1e12,
    json: {},
  }
  const body: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(resource.fields))
    if (field.written !== 'never') body[name] = field.oneOf?.[0] ?? sample[field.type]
  for (const [name, link] of Object.entries(resource.links))
    if (isOne(link) && link.written !== 'never') body[name] = rows[link.one] ?? 1
  return body
}

async function changesNothing(server: TestServer, estate: Estate, token: string | undefined, who: string) {
  const before = await everything(server)
  for (const resource of own) {
    const id = estate.rows[resource.name]
    const body = bodyFor(resource, estate)
    const [name] = Object.keys(body)
    const { status } = await ask(server, token, 'POST', resource.name, body)
    assert.ok([400, 401, 403, 409].includes(status), `${who}: POST ${resource.name} was answered ${status}`)
    for (const [method, path] of [
      ['PATCH', `${resource.name}(${id})`],
      ['PATCH', `${resource.name}?$filter=id gt 0`],
      ['PUT', `${resource.name}(${id})`],
      ['DELETE', `${resource.name}(${id})`],
      ['DELETE', `${resource.name}?$filter=id gt 0`],
      ['DELETE', resource.name],
      ['POST', `${resource.name}(${id})/canAccess`],
    ] as const) {
      const sent = method === 'DELETE' ? undefined : name ? { [name]: body[name] } : {}
      const answer = await ask(server, token, method, path, sent)
      assert.ok(answer.status < 500, `${who}: ${method} ${path} was answered ${answer.status} ${answer.text}`)
      if (path.endsWith('canAccess')) assert.equal(answer.status, 401, `${who}: ${path}`)
    }
    if (name) await ask(server, token, 'PATCH', `${resource.name}(${id})`, body)
  }
  for (const [name, text] of await everything(server))
    assert.ok(text === before.get(name), `${who} changed ${name}: ${before.get(name)} became ${text}`)
}

test('a stranger sees nothing of another organization, by any way, and changes nothing', async () => {
  await using server = await testServer()
  const home = await estate(server)
  assert.deepEqual(
    own.map(({ name }) => name).filter((name) => !home.rows[name]),
    [],
  )
  for (const { name } of own)
    assert.equal(
      (await server.call('GET', `/v7/${name}(${home.rows[name]})`)).d.length, 1, `the owner sees ${name}`,
    ) // oxfmt-ignore
  const token = await stranger(server, 'mallory')
  for (const resource of own) {
    const id = home.rows[resource.name]
    for (const path of [
      `${resource.name}(${id})`,
      `${resource.name}?$filter=id eq ${id}`,
      `${resource.name}?$filter=not(id ne ${id})`,
    ])
      assert.deepEqual((await ask(server, token, 'GET', path)).d, [], path)
    for (const key of resource.keys.slice(1)) {
      const row = (await server.call('GET', `/v7/${resource.name}(${id})`)).d[0]
      const parts = key.map((name) => `${name}=${row[name]?.__id ?? `'${row[name]}'`}`)
      assert.deepEqual(
        (await ask(server, token, 'GET', `${resource.name}(${parts.join()})`)).d,
        [],
        parts.join(),
      )
    }
    // Their own rows don't lead there either.
    for (const [name, link] of Object.entries(resource.links)) {
      const to = isOne(link) ? link.one : link.many
      if (home.rows[to] === undefined) continue
      const { d } = await ask(
        server,
        token,
        'GET',
        `${resource.name}?$filter=${name}/any(x:x/id eq ${home.rows[to]})`,
      )
      assert.deepEqual(d, [], `${resource.name} by ${name}`)
      const { d: counted } = await ask(
        server,
        token,
        'GET',
        `${resource.name}/$count?$filter=${name}/$count($filter=id eq ${home.rows[to]}) gt 0`,
      )
      assert.equal(counted, 0, `${resource.name} by the count of ${name}`)
      const expanded = await ask(
        server,
        token,
        'GET',
        `${resource.name}?$expand=${name}($filter=id eq ${home.rows[to]})`,
      )
      for (const row of expanded.d ?? [])
        assert.deepEqual(row[name], [], `${resource.name} expanded by ${name}`)
    }
  }
  await changesNothing(server, home, token, 'a stranger')
})

test('who is not logged in sees device types, public fleets and what these released, and no more', async () => {
  await using server = await testServer()
  const home = await estate(server)
  for (const { name } of own) {
    const answer = await ask(server, undefined, 'GET', name)
    assert.ok(answer.status === 401 || answer.d.length === 0, `${name}: ${answer.text}`)
  }
  for (const name of common) assert.ok((await ask(server, undefined, 'GET', name)).d.length > 0, name)
  await changesNothing(server, home, undefined, 'a guest')
  await server.call('PATCH', `/v7/application(${home.fleet.id})`, { is_public: true })
  const [seen] = (
    await ask(
      server,
      undefined,
      'GET',
      'application?$select=slug&$expand=owns__release($select=commit,build_log;$expand=release_image($expand=image($select=build_log,error_message,dockerfile))),owns__device,application_tag($select=tag_key),application_environment_variable',
    )
  ).d
  assert.equal(seen.slug, home.fleet.slug)
  assert.equal(seen.owns__release.length, 1)
  for (const { image } of seen.owns__release[0].release_image)
    assert.deepEqual(image, [{ build_log: null, error_message: null, dockerfile: null }])
  assert.deepEqual(seen.owns__device, [])
  assert.deepEqual(seen.application_environment_variable, [])
  assert.deepEqual(seen.application_tag, [{ tag_key: 'secret' }])
  assert.equal((await ask(server, undefined, 'GET', 'device')).status, 401)
  assert.deepEqual(
    (
      await ask(
        server,
        undefined,
        'GET',
        'application?$filter=is_directly_accessible_by__user/any(dau:1 eq 1)',
      )
    ).d,
    [],
  )
  await changesNothing(server, home, undefined, 'a guest at a public fleet')
})

test('a credential that is no good is refused everywhere, also where guests may look', async () => {
  await using server = await testServer()
  assert.equal((await ask(server, 'nonsense', 'GET', 'device_type')).status, 401)
  assert.equal((await ask(server, undefined, 'GET', 'device_type?apikey=nonsense')).status, 401)
})

test('an observer reads all but variables and keys, and changes nothing', async () => {
  await using server = await testServer()
  const home = await estate(server)
  const token = await stranger(server, 'watcher', 'observer')
  const hidden = new Set([
    ...own.map(({ name }) => name).filter((name) => name.endsWith('_variable')),
    'api_key',
    'user__has__public_key',
    'actor',
  ])
  for (const { name } of own) {
    const { d } = await ask(server, token, 'GET', `${name}(${home.rows[name]})`)
    assert.equal(d.length, hidden.has(name) ? 0 : 1, name)
  }
  await changesNothing(server, home, token, 'an observer')
})

test('an operator changes, but neither makes nor removes fleets; a developer does both', async () => {
  await using server = await testServer()
  const home = await estate(server)
  const operator = await stranger(server, 'operator', 'operator')
  const developer = await stranger(server, 'developer', 'developer')
  const fleet = `application(${home.fleet.id})`
  assert.equal((await ask(server, operator, 'PATCH', `device(${home.device.id})`, { note: 'x' })).status, 200)
  assert.equal(
    (await ask(server, operator, 'PATCH', fleet, { should_track_latest_release: false })).status,
    200,
  )
  assert.equal((await ask(server, operator, 'DELETE', fleet)).status, 401)
  const type = (await server.call('GET', "/v7/device_type(slug='raspberrypi4-64')?$select=id")).d[0].id
  const wish = { app_name: 'kiosk', organization: 1, is_for__device_type: type }
  const refused = await ask(server, operator, 'POST', 'application', wish)
  assert.equal(refused.status, 401)
  assert.match(refused.text, /unauthorized/) // clients look for the word
  assert.equal((await ask(server, developer, 'PATCH', 'organization(1)', { name: 'Mine' })).status, 401)
  assert.equal((await ask(server, developer, 'POST', 'application', wish)).status, 201)
  assert.equal((await ask(server, developer, 'DELETE', fleet)).status, 200)
})

test('a provisioning key sees its fleet and whether a device is there, and changes nothing', async () => {
  await using server = await testServer()
  const home = await estate(server)
  const token = home.fleet.provisioningKey
  const [device] = (await ask(server, token, 'GET', `device?$filter=uuid eq '${home.device.uuid}'`)).d
  assert.deepEqual(Object.keys(device).sort(), [
    'belongs_to__application',
    'created_at',
    'id',
    'is_of__device_type',
    'uuid',
  ])
  assert.equal((await ask(server, token, 'GET', 'device?$select=ip_address')).status, 400)
  assert.equal((await ask(server, token, 'GET', "device?$filter=ip_address eq '10.0.0.1'")).status, 400)
  assert.equal((await ask(server, token, 'GET', 'device?$expand=device_environment_variable')).status, 400)
  assert.equal((await ask(server, token, 'GET', 'application')).d.length, 1)
  for (const name of own.map((each) => each.name)) {
    if (['device', 'application', 'actor'].includes(name)) continue
    assert.deepEqual((await ask(server, token, 'GET', name)).d, [], name)
  }
  await changesNothing(server, home, token, 'a provisioning key')
})

test('a device sees itself and what it needs, and writes what is its own', async () => {
  await using server = await testServer()
  const home = await estate(server)
  const sibling = await testDevice(server, home.fleet)
  await server.call('POST', '/v7/device_environment_variable', {
    device: sibling.id,
    name: 'OTHER',
    value: 'x',
  })
  const { key } = home.device
  assert.deepEqual((await ask(server, key, 'GET', 'device?$select=id')).d, [{ id: home.device.id }])
  assert.deepEqual((await ask(server, key, 'GET', 'device_environment_variable?$select=name')).d, [
    { name: 'SECRET' },
  ])
  assert.equal((await ask(server, key, 'GET', 'release?$select=commit')).d.length, 1)
  assert.equal((await ask(server, key, 'GET', 'application?$select=slug')).d.length, 1)
  assert.deepEqual((await ask(server, key, 'GET', 'build_environment_variable')).d, [])
  assert.deepEqual((await ask(server, key, 'GET', 'organization')).d, [])
  const may = async (method: string, path: string, body: object) =>
    (await ask(server, key, method, path, body)).status
  const config = { name: 'RESIN_HOST_CONFIG_gpu_mem', value: '16' }
  assert.equal(await may('POST', 'device_config_variable', { device: home.device.id, ...config }), 201)
  assert.equal(await may('POST', 'device_config_variable', { device: sibling.id, ...config }), 401)
  const twice = { device: home.device.id, ...config, value: '32' }
  assert.equal(await may('POST', 'device_config_variable', twice), 201, 'what exists is as good as made')
  const stored = `device_config_variable?$select=value&$filter=name eq '${config.name}'`
  assert.deepEqual((await ask(server, key, 'GET', stored)).d, [{ value: '16' }])
  assert.equal(
    await may('POST', 'application_config_variable', { application: home.fleet.id, ...config }),
    401,
  )
  assert.equal(await may('POST', 'device_tag', { device: home.device.id, tag_key: 'a', value: 'b' }), 201)
  assert.equal(await may('PATCH', `device(${home.device.id})`, { device_name: 'kiosk' }), 200)
  assert.equal(
    await may('PATCH', `device(${home.device.id})`, { belongs_to__application: home.fleet.id }),
    401,
  )
  await may('PATCH', `device(${sibling.id})`, { device_name: 'taken over' })
  await may('DELETE', `device(${home.device.id})`, {})
  const names = (await server.call('GET', '/v7/device?$select=device_name')).d
  assert.equal(names.length, 2)
  assert.ok(!names.some((row: { device_name: string }) => row.device_name === 'taken over'))
})
