import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceRow, testDevice, testFleet, testRelease } from './devices/test-fleet.ts'
import { samples } from './kit/odata/samples.ts'
import { testServer, type TestServer } from './test-server.ts'

/** The whole answer, whatever its status. */
async function ask(server: TestServer, method: string, path: string, body?: unknown, token = server.token) {
  const response = await fetch(`${server.url}/v7/${path}`, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const type = response.headers.get('content-type')
  return {
    status: response.status,
    text,
    type,
    headers: response.headers,
    json: type ? JSON.parse(text) : undefined,
  }
}

test('every request recorded from genuine clients is answered, twice: planned anew, and prepared', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  await testRelease(server, fleet)
  await testDevice(server, fleet)
  for (let round = 0; round < 5; round++)
    for (const sample of samples) {
      const { status, text, json } = await ask(server, 'GET', encodeURI(sample))
      assert.equal(status, 200, `${sample}: ${text}`)
      assert.ok(Array.isArray(json.d) || typeof json.d === 'number', sample)
    }
})

test('a list has exactly what was selected; a key gives an array of none or one', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server, { name: 'kiosk' })
  assert.deepEqual((await ask(server, 'GET', 'application?$select=slug,id,id')).json, {
    d: [{ slug: 'admin/kiosk', id: fleet.id }],
  })
  assert.deepEqual((await ask(server, 'GET', "application(slug='admin/kiosk')?$select=organization")).json, {
    d: [{ organization: { __id: 1 } }],
  })
  for (const missing of [
    'application(999)',
    "application(slug='no/one')",
    `application(uuid='${'0'.repeat(32)}')`,
  ])
    assert.deepEqual((await ask(server, 'GET', missing)).json, { d: [] })
  assert.deepEqual((await ask(server, 'GET', 'application/$count')).json, { d: 1 })
})

test('links are ids until they are expanded, and then arrays, also where there is one at most', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const { json } = await ask(
    server,
    'GET',
    `device(${device.id})?$select=id,belongs_to__application,is_pinned_on__release,should_be_running__release&$expand=belongs_to__application($select=slug;$expand=owns__device/$count),is_pinned_on__release,device_tag`,
  )
  assert.deepEqual(json.d, [
    {
      id: device.id,
      should_be_running__release: { __id: release.id },
      belongs_to__application: [{ slug: fleet.slug, owns__device: 1 }],
      is_pinned_on__release: [],
      device_tag: [],
    },
  ])
})

test('dates are ISO with milliseconds, big integers are texts, JSON is JSON', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet)
  await server.ctx.db.sql`update image set image_size = 12345678901`
  const [row] = (
    await ask(
      server,
      'GET',
      `release(${release.id})?$select=created_at,composition,raw_version,version,is_final&$expand=release_image($expand=image($select=image_size,is_stored_at__image_location))`,
    )
  ).json.d
  assert.match(row.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(row.composition, { services: { main: { build: '.' } } })
  assert.equal(row.raw_version, '1.0.0')
  assert.deepEqual(row.version, {
    raw: '1.0.0',
    major: 1,
    minor: 0,
    patch: 0,
    prerelease: [],
    build: [],
    version: '1.0.0',
  })
  assert.equal(row.is_final, true)
  const image = row.release_image[0].image[0]
  assert.equal(image.image_size, '12345678901')
  assert.equal(
    image.is_stored_at__image_location,
    `${server.ctx.config.registryHost}/${release.services.main!.location}`,
  )
})

test('versions of drafts, revisions and variants are spelled as the wire spells them', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const { id } = await testRelease(server, fleet)
  const versionOf = async (columns: Record<string, unknown>) => {
    await server.ctx.db.sql`update release set ${server.ctx.db.sql(columns as never)} where id = ${id}`
    return (await ask(server, 'GET', `release(${id})?$select=raw_version,version`)).json.d[0]
  }
  assert.equal((await versionOf({ revision: 2 })).raw_version, '1.0.0+rev2')
  assert.equal((await versionOf({ variant: 'dev' })).raw_version, '1.0.0+rev2.dev')
  assert.equal((await versionOf({ revision: 0 })).raw_version, '1.0.0+dev')
  assert.equal(
    (await versionOf({ variant: '', revision: 1, semver_build: 'rev1' })).raw_version,
    '1.0.0+rev1',
  )
  const draft = await versionOf({
    semver_prerelease: 'rc.1',
    semver_build: '',
    revision: null,
    created_at: new Date(1700000000000),
  })
  assert.equal(draft.raw_version, '1.0.0-rc.1.1700000000000')
  assert.deepEqual(draft.version.prerelease, ['rc', 1, 1700000000000])
})

test('creating answers 201 with the row and its place; changing and removing answer 200 with nothing', async () => {
  await using server = await testServer()
  const type = (await ask(server, 'GET', "device_type(slug='raspberrypi4-64')?$select=id")).json.d[0].id
  const made = await ask(server, 'POST', 'application', {
    app_name: 'Kiosk',
    organization: 1,
    is_for__device_type: type,
    unknown_field: 1,
  })
  assert.equal(made.status, 201)
  assert.equal(made.json.slug, 'admin/kiosk')
  assert.equal(made.headers.get('location'), `/v7/application(@id)?@id=${made.json.id}`)
  const short = await ask(server, 'POST', 'application_tag?returnResource=false', {
    application: made.json.id,
    tag_key: 'a',
    value: 'b',
  })
  assert.deepEqual([short.status, short.json], [201, { id: 1 }])
  for (const [method, path, body] of [
    ['PATCH', `application(${made.json.id})`, { app_name: 'Other' }],
    ['PATCH', 'application(999)', { app_name: 'Other' }],
    ['PUT', `application_tag(tag_key='a',application=${made.json.id})`, { value: 'c' }],
    ['PUT', `application_tag(tag_key='z',application=${made.json.id})`, { value: 'c' }],
    ['DELETE', `application_tag?$filter=application eq ${made.json.id} and tag_key eq 'a'`, undefined],
    ['DELETE', `application(${made.json.id})`, undefined],
    ['DELETE', `application(${made.json.id})`, undefined],
  ] as const) {
    const answer = await ask(server, method, path, body)
    assert.deepEqual([answer.status, answer.text, answer.type], [200, '', null], `${method} ${path}`)
  }
})

test('a duplicate is 409 and names the fields, so that clients change what is there', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server, { name: 'kiosk' })
  const device = await testDevice(server, fleet)
  const post = async (path: string, body: object) => {
    await ask(server, 'POST', path, body)
    const { status, json } = await ask(server, 'POST', path, body)
    return [status, json]
  }
  assert.deepEqual(await post('device_tag', { device: device.id, tag_key: 'a', value: 'b' }), [
    409,
    '"device" and "tag_key" must be unique.',
  ])
  assert.deepEqual(await post('device_environment_variable', { device: device.id, name: 'a', value: 'b' }), [
    409,
    '"device" and "name" must be unique.',
  ])
  const type = (await ask(server, 'GET', "device_type(slug='raspberrypi4-64')?$select=id")).json.d[0].id
  assert.deepEqual(
    await post('application', { app_name: 'KIOSK', organization: 1, is_for__device_type: type }),
    [409, '"organization" and "app_name" must be unique.'],
  )
  assert.deepEqual(
    await post('device', {
      uuid: device.uuid,
      belongs_to__application: fleet.id,
      is_of__device_type: (await deviceRow(server, device.id)).is_of__device_type,
    }),
    [409, '"uuid" must be unique.'],
  )
})

test('what is wrong is named: in the query, in the body, in the reference', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const cases: [method: string, path: string, body: unknown, status: number, says: RegExp][] = [
    ['GET', 'nonsense', undefined, 404, /nonsense/],
    ['GET', 'device?$select=api_secret', undefined, 400, /api_secret/],
    ['GET', 'user?$filter=password_hash ne null', undefined, 400, /password_hash/],
    ['GET', 'api_key?$select=key_hash', undefined, 400, /key_hash/],
    ['GET', 'device?$filter=constructor eq 1', undefined, 400, /constructor/],
    ['GET', 'device?$expand=nothing', undefined, 400, /nothing/],
    ['GET', "device?$filter=id eq 'x'", undefined, 400, /compare/],
    ['GET', 'device?$filter=id div 0 eq 1', undefined, 400, /zero/],
    ['GET', 'device?$filter=device_tag/tag_key eq 1', undefined, 400, /many/],
    ['GET', "device(device_name='x')", undefined, 400, /key/],
    ['GET', 'device?$filter=id eq 99999999999999999999', undefined, 200, /"d":\[\]/],
    ['POST', 'device_tag', { device: device.id, tag_key: 'a' }, 400, /value/],
    ['POST', 'device_tag', { device: 999, tag_key: 'a', value: 'b' }, 401, /unauthorized/],
    ['POST', 'device_tag', { device: device.id, tag_key: 1, value: 'b' }, 400, /tag_key/],
    ['POST', 'device_tag', { device: device.id, tag_key: 'a b', value: 'b' }, 400, /whitespace/],
    ['POST', 'device_tag', { device: device.id, tag_key: 'io.balena.x', value: 'b' }, 400, /reserved/],
    ['POST', 'device_tag', [], 400, /body/],
    ['PATCH', `device(${device.id})`, { nonsense: 1 }, 400, /nonsense/],
    ['PATCH', `device(${device.id})`, { slug: 1, is_active: 'x' }, 400, /is_active/],
    [
      'PATCH',
      `device(${device.id})`,
      { is_pinned_on__release: 999 },
      409,
      /"Data is referenced by is_pinned_on__release."/,
    ],
    ['PATCH', `device(${device.id})`, { device_name: null }, 400, /device_name/],
    ['PATCH', `application(${fleet.id})`, { slug: 'other/name' }, 400, /slug/],
    ['PATCH', 'device', { note: 'x' }, 400, /filter/],
    ['DELETE', 'device', undefined, 400, /filter/],
    ['DELETE', 'user(1)', undefined, 401, /nobody/],
    [
      'POST',
      'application',
      { app_name: 'a.b', organization: 1, is_for__device_type: 1 },
      400,
      /App name may only/,
    ],
    [
      'POST',
      'application',
      { app_name: 'abcd', organization: 1, is_for__device_type: 1, uuid: 'A'.repeat(32) },
      400,
      /version 4/,
    ],
    [
      'POST',
      'application',
      { app_name: 'abcd', organization: 1, is_for__device_type: 999 },
      409,
      /is_for__device_type/,
    ],
    ['POST', 'organization', { name: 'x', handle: 'Big' }, 400, /Handles must be lowercase/],
  ]
  for (const [method, path, body, status, says] of cases) {
    const answer = await ask(server, method, encodeURI(path), body)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    assert.match(answer.text, says, `${method} ${path}`)
    if (status !== 200) assert.equal(typeof answer.json, 'string')
  }
})

test('names and values of variables follow the rules of the wire', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const cases: [table: string, name: string, value: string, says: RegExp | undefined][] = [
    ['device_environment_variable', 'FOO', ' \ta b ', undefined],
    ['device_environment_variable', '1FOO', 'x', /alphanumeric/],
    ['device_environment_variable', '', 'x', /empty/],
    ['device_environment_variable', 'USER', 'x', /RESIN, BALENA, USER are reserved/],
    ['device_environment_variable', 'BALENA_X', 'x', /beginning with RESIN_, BALENA_ are reserved/],
    ['device_environment_variable', 'BAR', 'a\nb', /line break/],
    ['device_config_variable', 'RESIN_HOST_CONFIG_gpu_mem', '16', undefined],
    ['device_config_variable', 'BALENA_HOST_CONFIG_dtoverlay:x', '16', undefined],
    ['device_config_variable', 'FOO', 'x', /one of the following namespaces/],
  ]
  for (const [table, name, value, says] of cases) {
    const { status, text } = await ask(server, 'POST', table, { device: device.id, name, value })
    assert.equal(status, says ? 400 : 201, `${name}: ${text}`)
    if (says) assert.match(text, says)
  }
})

test('texts of strangers stay texts, wherever they stand', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const hostile = [
    "'; drop table device; --",
    '$1',
    "\\'",
    '@me',
    '" or 1=1',
    '%s',
    '{{x}}',
    '\u202e',
    "''''",
  ]
  for (const text of hostile) {
    await ask(server, 'POST', 'device_environment_variable', {
      device: device.id,
      name: `V${hostile.indexOf(text)}`,
      value: text,
    })
    const quoted = encodeURIComponent(text.replaceAll("'", "''"))
    for (const filter of [`value eq '${quoted}'`, `value in ('${quoted}')`, `contains(value,'${quoted}')`]) {
      const { json } = await ask(server, 'GET', `device_environment_variable?$select=value&$filter=${filter}`)
      assert.ok(
        json.d.some(({ value }: { value: string }) => value === text),
        `${filter}`,
      )
    }
    assert.deepEqual((await ask(server, 'GET', `device(uuid='${quoted}')`)).json, { d: [] })
  }
  for (const name of ['id;drop', 'id"', "id'", 'id)', 'id--', '1=1', '*/'])
    for (const option of ['$select=', '$orderby=', '$filter=', '$expand='])
      assert.equal(
        (await ask(server, 'GET', `device?${option}${encodeURIComponent(name)}`)).status,
        400,
        name,
      )
  assert.equal((await ask(server, 'GET', 'device/$count')).json.d, 1)
})

test('a filter compares nothing as OData does', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const finds = async (filter: string) =>
    (await ask(server, 'GET', encodeURI(`device?$select=id&$filter=id eq ${device.id} and (${filter})`))).json
      .d.length === 1
  for (const yes of [
    'note eq null',
    "note ne 'x'",
    "not(note eq 'x')",
    'is_pinned_on__release eq null',
    "is_pinned_on__release/any(r:r/commit eq 'x') eq false",
    'device_tag/all(t:false)',
    "belongs_to__application/slug eq '" + fleet.slug + "'",
    'device_tag/$count eq 0',
    'id in (1,2,3,99999)',
    "created_at gt now() sub duration'P1D'",
    'created_at gt 2020-01-01 and year(created_at) ge 2020',
    "overall_status in ('configuring','disconnected')",
    '$it/id gt 0',
  ])
    assert.ok(await finds(yes), yes)
  for (const no of [
    "note eq 'x'",
    'note ne null',
    'device_tag/any()',
    "startswith(uuid,'zz')",
    'id in (0)',
    'uuid in ()',
  ])
    assert.ok(!(await finds(no)), no)
})

test('pages neither overlap nor miss, and expands come after the page', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  for (let i = 0; i < 7; i++) await testDevice(server, fleet)
  await server.ctx.db.sql`update device set device_name = 'same'`
  const seen: number[] = []
  for (let skip = 0; skip < 9; skip += 2) {
    const { json } = await ask(
      server,
      'GET',
      `device?$select=id&$orderby=device_name%20desc&$top=2&$skip=${skip}&$expand=belongs_to__application($select=id)`,
    )
    for (const row of json.d) assert.equal(row.belongs_to__application[0].id, fleet.id)
    seen.push(...json.d.map(({ id }: { id: number }) => id))
  }
  assert.equal(new Set(seen).size, 7)
  assert.equal(seen.length, 7)
  assert.deepEqual((await ask(server, 'GET', 'device?$top=0')).json, { d: [] })
})

test('a deploy by a client: release, service, image, labels, success', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await ask(server, 'POST', 'release', {
    is_created_by__user: 1,
    belongs_to__application: fleet.id,
    composition: { services: { main: { build: { context: '.' } } }, networks: {}, volumes: {} },
    commit: '0123456789abcdef0123456789abcdef',
    status: 'running',
    source: 'local',
    start_timestamp: '2026-01-01T00:00:00.000Z',
    is_final: true,
    contract: { name: 'f', version: '1.2.3' },
    semver: '1.2.3',
  })
  assert.equal(release.status, 201, release.text)
  assert.equal(release.json.semver, '1.2.3')
  assert.deepEqual(release.json.contract, { name: 'f', version: '1.2.3' })
  assert.deepEqual((await ask(server, 'GET', `service(application=${fleet.id},service_name='main')`)).json, {
    d: [],
  })
  const service = (await ask(server, 'POST', 'service', { application: fleet.id, service_name: 'main' })).json
  const image = (
    await ask(server, 'POST', 'image', {
      is_a_build_of__service: service.id,
      status: 'running',
      start_timestamp: Date.now(),
    })
  ).json
  assert.match(image.is_stored_at__image_location, /^127\.0\.0\.1:\d+\/v2\/[0-9a-f]{32}$/)
  const part = (
    await ask(server, 'POST', 'image__is_part_of__release', {
      is_part_of__release: release.json.id,
      image: image.id,
    })
  ).json
  assert.equal(
    (await ask(server, 'POST', 'image_label', { release_image: part.id, label_name: 'io.x', value: '1' }))
      .status,
    201,
  )
  assert.equal(
    (
      await ask(server, 'POST', 'image_environment_variable', {
        release_image: part.id,
        name: 'A',
        value: '1',
      })
    ).status,
    201,
  )
  const pushed = await ask(server, 'PATCH', `image(${image.id})`, {
    end_timestamp: Date.now(),
    push_timestamp: Date.now(),
    project_type: 'Dockerfile',
    status: 'success',
    content_hash: `sha256:${'0'.repeat(64)}`,
    dockerfile: 'FROM x',
    image_size: '12345',
  })
  assert.equal(pushed.status, 200, pushed.text)
  const [read] = (
    await ask(
      server,
      'GET',
      `release(${release.json.id})?$select=id&$expand=release_image($expand=image($select=image_size),image_label($select=label_name))`,
    )
  ).json.d
  assert.equal(read.release_image[0].image[0].image_size, '12345')
  assert.equal(read.release_image[0].image_label[0].label_name, 'io.x')
  assert.equal(
    (
      await ask(server, 'PATCH', `release(${release.json.id})?$filter=status%20ne%20'success'`, {
        status: 'cancelled',
        end_timestamp: Date.now(),
      })
    ).status,
    200,
  )
  assert.equal(
    (await ask(server, 'GET', `release(${release.json.id})?$select=status`)).json.d[0].status,
    'cancelled',
  )
})

test('a fleet is pinned, follows the latest again, and does not lose its target release', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const old = await testRelease(server, fleet)
  const latest = await testRelease(server, fleet, ['main'], { semver: '1.1.0' })
  const target = async () =>
    (await ask(server, 'GET', `application(${fleet.id})?$select=should_be_running__release`)).json.d[0]
      .should_be_running__release?.__id
  const pin = { should_be_running__release: old.id, should_track_latest_release: false }
  assert.equal((await ask(server, 'PATCH', `application(${fleet.id})`, pin)).status, 200)
  assert.equal(await target(), old.id)
  const refused = await ask(server, 'DELETE', `release(${old.id})`)
  assert.deepEqual(refused.json, "Unable to delete release 1.0.0 because it is the fleet's target release.")
  assert.equal(
    (await ask(server, 'PATCH', `application(${fleet.id})`, { should_track_latest_release: true })).status,
    200,
  )
  assert.equal(await target(), latest.id)
  assert.equal((await ask(server, 'DELETE', `release(${old.id})`)).status, 200)
})

test('a device is renamed, pinned, moved and removed; its computed status is told', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const other = await testFleet(server)
  const release = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const patch = (changes: object) => ask(server, 'PATCH', `device?$filter=id%20in%20(${device.id})`, changes)
  const status = async () =>
    (await ask(server, 'GET', `device(uuid='${device.uuid}')?$select=overall_status`)).json.d[0]
      .overall_status
  assert.equal((await patch({ device_name: 'kiosk 7', note: 'behind the door' })).status, 200)
  assert.equal((await patch({ is_pinned_on__release: release.id })).status, 200)
  assert.equal((await deviceRow(server, device.id)).is_pinned_on__release, release.id)
  assert.equal((await patch({ is_pinned_on__release: null })).status, 200)
  assert.equal(await status(), 'configuring')
  const { sql } = server.ctx.db
  await sql`update device set api_heartbeat_state = 'online', is_connected_to_vpn = true where id = ${device.id}`
  assert.equal(await status(), 'operational')
  await sql`update device set is_connected_to_vpn = false where id = ${device.id}`
  assert.equal(await status(), 'reduced-functionality')
  await ask(server, 'POST', 'application_config_variable', {
    application: fleet.id,
    name: 'RESIN_SUPERVISOR_VPN_CONTROL',
    value: 'false',
  })
  assert.equal(await status(), 'operational')
  assert.equal((await patch({ is_active: false })).status, 200)
  assert.equal(await status(), 'inactive')
  assert.equal((await patch({ belongs_to__application: other.id })).status, 200)
  assert.equal(
    (await ask(server, 'GET', `device?$filter=belongs_to__application%20eq%20${other.id}`)).json.d.length,
    1,
  )
  assert.equal((await ask(server, 'DELETE', `device?$filter=id%20in%20(${device.id})`)).status, 200)
  assert.equal((await ask(server, 'GET', 'device/$count')).json.d, 0)
})

test('an organization gets a handle from its name, members, another handle, and is kept from losing its last administrator', async () => {
  await using server = await testServer()
  const made = (await ask(server, 'POST', 'organization', { name: 'Acme, Inc.' })).json
  assert.equal(made.handle, 'acme_inc')
  assert.equal((await ask(server, 'POST', 'organization', { name: 'Acme Inc' })).json.handle, 'acme_inc_2')
  const [member] = (
    await ask(server, 'GET', `organization_membership?$filter=is_member_of__organization eq ${made.id}`)
  ).json.d
  assert.match(
    (await ask(server, 'DELETE', `organization_membership(${member.id})`)).text,
    /without an administrator/,
  )
  const type = (await ask(server, 'GET', "device_type(slug='raspberrypi4-64')?$select=id")).json.d[0].id
  const app = (
    await ask(server, 'POST', 'application', {
      app_name: 'kiosk',
      organization: made.id,
      is_for__device_type: type,
    })
  ).json
  assert.equal((await ask(server, 'PATCH', `organization(${made.id})`, { handle: 'acme' })).status, 200)
  assert.equal((await ask(server, 'GET', `application(${app.id})?$select=slug`)).json.d[0].slug, 'acme/kiosk')
  assert.match((await ask(server, 'DELETE', `organization(${made.id})`)).text, /1 fleet/)
  await ask(server, 'DELETE', `application(${app.id})`)
  assert.equal((await ask(server, 'DELETE', `organization(${made.id})`)).status, 200)
})

test('a provisioning key is made, used, and opens nothing once it is revoked', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const key = await server.call('POST', '/api-key/v2/', {
    actorType: 'application',
    actorTypeId: fleet.id,
    roles: ['provisioning-api-key'],
    description: 'Created by SDK to register a device',
    expiryDate: new Date(Date.now() + 600_000).toISOString(),
  })
  assert.equal((await server.call('GET', '/actor/v1/whoami', undefined, key)).slug, fleet.slug)
  const keys = (await ask(server, 'GET', 'api_key?$select=id,description&$filter=description ne null')).json.d
  assert.equal(keys.length, 1)
  assert.equal((await ask(server, 'DELETE', `api_key(${keys[0].id})`)).status, 200)
  await assert.rejects(server.call('GET', '/actor/v1/whoami', undefined, key), /401/)
  for (const [body, status] of [
    [{ actorType: 'robot', actorTypeId: 1, roles: ['x'], expiryDate: null }, 400],
    [{ actorType: 'application', actorTypeId: fleet.id, roles: ['a', 'b'], expiryDate: null }, 400],
    [{ actorType: 'application', actorTypeId: fleet.id, roles: ['device-api-key'], expiryDate: null }, 404],
    [{ actorType: 'application', actorTypeId: 999, roles: ['provisioning-api-key'], expiryDate: null }, 404],
    [{ actorType: 'application', actorTypeId: fleet.id, roles: ['provisioning-api-key'] }, 400],
    [
      {
        actorType: 'application',
        actorTypeId: fleet.id,
        roles: ['provisioning-api-key'],
        expiryDate: 'soon',
      },
      400,
    ],
    [{ actorType: 'user', actorTypeId: 1, roles: ['named-user-api-key'], expiryDate: null }, 400],
  ] as const)
    await assert.rejects(server.call('POST', '/api-key/v2', body), new RegExp(`answered ${status}`))
})

test('a device asks who it is and what it may do; canAccess tells', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const can = (path: string, token?: string) =>
    ask(server, 'POST', path, { action: { or: ['tunnel-any', 'tunnel-22222'] } }, token)
  assert.deepEqual((await can(`device(uuid=@uuid)/canAccess?@uuid='${device.uuid}'`)).json, {
    d: [{ id: device.id }],
  })
  assert.equal((await can('device(999)/canAccess')).status, 401)
  assert.equal((await can(`device(${device.id})/canAccess`, fleet.provisioningKey)).status, 401)
})

test('a final release never goes back to draft and keeps its version: 400 with a sentence', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const first = await testRelease(server, fleet)
  const second = await testRelease(server, fleet)
  const versions = async () =>
    (await ask(server, 'GET', 'release?$select=raw_version&$orderby=id asc')).json.d
  const before = await versions()
  for (const change of [{ is_final: false }, { semver: '2.0.0' }])
    for (const { id } of [first, second]) {
      const { status, text } = await ask(server, 'PATCH', `release(${id})`, change)
      assert.equal(status, 400)
      assert.match(text, /finalized/i)
    }
  assert.deepEqual(await versions(), before)
  const noted = await ask(server, 'PATCH', `release(${first.id})`, { note: 'what else it says may change' })
  assert.equal(noted.status, 200)
})
