// The endpoints of the OCI distribution specification v1.1, one after the other, by HTTP.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testServer, type TestServer } from '../test-server.ts'
import {
  client,
  describe,
  expect,
  imageManifest,
  imageType,
  indexType,
  refused,
  sha256,
  type Client,
} from './test-registry.ts'
import { mintToken, type Action } from './tokens.ts'

let server: TestServer
let count = 0

before(async () => {
  server = await testServer()
})
after(() => server[Symbol.asyncDispose]())

/** A repository of one's own, and a client that may do all in it. */
async function repository(): Promise<{ name: string; http: Client }> {
  const name = `test/${++count}`
  return { name, http: await clientFor({ [name]: ['pull', 'push', 'delete'] }) }
}

async function clientFor(access: Record<string, Action[]>, seconds = 600): Promise<Client> {
  const grants = Object.entries(access).map(([name, actions]) => ({
    type: 'repository' as const,
    name,
    actions,
  }))
  return client(server, await mintToken(server.ctx, { subject: 'test', access: grants, seconds }))
}

const missing = sha256('nothing of the kind')

test('without a token the answer is 401 and says where to get one, whatever Host the client called', async () => {
  const anonymous = client(server)
  const root = await expect(401, anonymous.send('GET', '/v2/'))
  assert.equal(root.headers.get('docker-distribution-api-version'), 'registry/2.0')
  const host = new URL(server.ctx.config.url).host
  assert.equal(
    root.headers.get('www-authenticate'),
    `Bearer realm="https://${host}/auth/v1/token",service="${host}"`,
  )
  const push = await challengeOf('POST', '/v2/a/b/blobs/uploads/', 'evil.example.test')
  assert.equal(
    push,
    `Bearer realm="https://${host}/auth/v1/token",service="${host}",scope="repository:a/b:pull,push"`,
  )
  const { internalName, port } = server.ctx.config
  const inside = await challengeOf('GET', '/v2/', `${internalName}:${port}`)
  assert.ok(inside?.startsWith(`Bearer realm="http://${internalName}:${port}/auth/v1/token"`), inside)
})

test('a token that is good for something else is refused, and so is one that was changed', async () => {
  const { name } = await repository()
  const reader = await clientFor({ [name]: ['pull'], 'test/other': ['pull', 'push'] })
  await expect(200, reader.send('GET', '/v2/'))
  assert.equal(await refused(401, reader.send('POST', `/v2/${name}/blobs/uploads/`)), 'UNAUTHORIZED')
  assert.equal(await refused(401, reader.send('DELETE', `/v2/${name}/manifests/latest`)), 'UNAUTHORIZED')
  const [head, body] = (await mintToken(server.ctx, { subject: '', access: [], seconds: 60 })).split('.')
  await expect(401, client(server, `${head}.${body}.${'A'.repeat(86)}`).send('GET', '/v2/'))
})

test('a blob that was pushed can be read whole, asked for, and read in part', async () => {
  const { name, http } = await repository()
  const bytes = randomBytes(100_000)
  const url = `/v2/${name}/blobs/${await http.pushBlob(name, bytes)}`
  const whole = await expect(200, http.send('GET', url))
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes)
  assert.equal(whole.headers.get('docker-content-digest'), sha256(bytes))
  const head = await expect(200, http.send('HEAD', url))
  assert.equal(head.headers.get('content-length'), '100000')
  for (const [range, start, end] of [
    ['bytes=0-0', 0, 0],
    ['bytes=10-99', 10, 99],
    ['bytes=99990-', 99_990, 99_999],
    ['bytes=-4', 99_996, 99_999],
    ['bytes=50-999999', 50, 99_999],
  ] as const) {
    const part = await expect(206, http.send('GET', url, { headers: { Range: range } }))
    assert.equal(part.headers.get('content-range'), `bytes ${start}-${end}/100000`)
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(start, end + 1))
  }
  const beyond = await expect(416, http.send('GET', url, { headers: { Range: 'bytes=100000-' } }))
  assert.equal(beyond.headers.get('content-range'), 'bytes */100000')
})

test('a blob is read only where it was pushed to', async () => {
  const { name, http } = await repository()
  const digest = await http.pushBlob(name, randomBytes(10))
  const other = await repository()
  assert.equal(
    await refused(404, other.http.send('GET', `/v2/${other.name}/blobs/${digest}`)),
    'BLOB_UNKNOWN',
  )
  assert.equal(await refused(404, http.send('GET', `/v2/${name}/blobs/${missing}`)), 'BLOB_UNKNOWN')
  assert.equal(await refused(400, http.send('GET', `/v2/${name}/blobs/sha256:short`)), 'DIGEST_INVALID')
})

test('a blob is taken in one request, in two, in chunks, and as a stream without a length', async () => {
  const { name, http } = await repository()
  const start = `/v2/${name}/blobs/uploads/`
  const one = randomBytes(1000)
  const created = await expect(201, http.send('POST', `${start}?digest=${sha256(one)}`, { body: one }))
  assert.equal(created.headers.get('location'), `/v2/${name}/blobs/${sha256(one)}`)
  await expect(200, http.send('HEAD', created.headers.get('location')!))

  const chunks = [randomBytes(3000), randomBytes(1), randomBytes(500)]
  const whole = Buffer.concat(chunks)
  const begun = await expect(202, http.send('POST', start))
  const location = begun.headers.get('location')!
  assert.match(location, new RegExp(`^/v2/${name}/blobs/uploads/[0-9a-f-]{36}$`))
  assert.equal(begun.headers.get('docker-upload-uuid'), location.split('/').at(-1))
  let at = 0
  for (const chunk of chunks.slice(0, 2)) {
    const headers = { 'Content-Range': `${at}-${at + chunk.length - 1}` }
    at += chunk.length
    const taken = await expect(202, http.send('PATCH', location, { headers, body: chunk }))
    assert.equal(taken.headers.get('range'), `0-${at - 1}`)
  }
  const status = await expect(204, http.send('GET', location))
  assert.equal(status.headers.get('range'), '0-3000')
  assert.equal(status.headers.get('location'), location)
  const last = { headers: { 'Content-Range': `${at}-${whole.length - 1}` }, body: chunks[2]! }
  await expect(201, http.send('PUT', `${location}?digest=${sha256(whole)}`, last))
  await expect(200, http.send('HEAD', `/v2/${name}/blobs/${sha256(whole)}`))
  assert.equal(await refused(404, http.send('GET', location)), 'BLOB_UPLOAD_UNKNOWN')

  const streamed = randomBytes(200_000)
  const stream = (await expect(202, http.send('POST', start))).headers.get('location')!
  await expect(202, http.send('PATCH', stream, { body: streamOf(streamed) }))
  await expect(201, http.send('PUT', `${stream}?digest=${sha256(streamed)}`))
  await expect(200, http.send('HEAD', `/v2/${name}/blobs/${sha256(streamed)}`))
})

test('a digest that does not match is refused with no damage, and the upload is over', async () => {
  const { name, http } = await repository()
  const bytes = randomBytes(1000)
  const location = (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get(
    'location',
  )!
  const put = http.send('PUT', `${location}?digest=${missing}`, { body: bytes })
  assert.equal(await refused(400, put), 'DIGEST_INVALID')
  for (const digest of [missing, sha256(bytes)])
    assert.equal(await refused(404, http.send('GET', `/v2/${name}/blobs/${digest}`)), 'BLOB_UNKNOWN')
  assert.equal(await refused(404, http.send('GET', location)), 'BLOB_UPLOAD_UNKNOWN')
  assert.equal(await server.ctx.blobs.size(sha256(bytes)), undefined)
  const single = http.send('POST', `/v2/${name}/blobs/uploads/?digest=${missing}`, { body: bytes })
  assert.equal(await refused(400, single), 'DIGEST_INVALID')
  for (const digest of ['', 'sha256:abc', 'md5:d41d8cd98f00b204e9800998ecf8427e']) {
    const begun = await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))
    const odd = http.send('PUT', `${begun.headers.get('location')}?digest=${digest}`, { body: bytes })
    assert.equal(await refused(400, odd), 'DIGEST_INVALID')
  }
})

test('a chunk out of order is refused with 416 and how far the upload is, and it goes on from there', async () => {
  const { name, http } = await repository()
  const bytes = randomBytes(3000)
  const location = (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get(
    'location',
  )!
  const chunk = (start: number, end: number) =>
    http.send('PATCH', location, {
      headers: { 'Content-Range': `${start}-${end - 1}` },
      body: bytes.subarray(start, end),
    })
  await expect(202, chunk(0, 1000))
  for (const [start, end] of [
    [2000, 3000],
    [0, 1000],
    [500, 1500],
  ] as const) {
    const late = await expect(416, chunk(start, end))
    assert.equal(late.headers.get('range'), '0-999')
  }
  const short = { headers: { 'Content-Range': '1000-2999' }, body: bytes.subarray(1000, 1100) }
  assert.equal(await refused(400, http.send('PATCH', location, short)), 'SIZE_INVALID')
  await expect(202, chunk(1000, 3000))
  await expect(201, http.send('PUT', `${location}?digest=${sha256(bytes)}`))
})

test('an upload whose connection breaks off keeps what had arrived, and goes on from there', async () => {
  const { name, http } = await repository()
  const bytes = randomBytes(3_000_000)
  const location = (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get(
    'location',
  )!
  const token = await mintToken(server.ctx, {
    subject: 'test',
    access: [{ type: 'repository', name, actions: ['push'] }],
    seconds: 60,
  })
  await new Promise<void>((done) => {
    const sending = request(new URL(location, server.url), {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${token}`, 'Content-Length': bytes.length },
    })
    sending.on('error', () => done())
    sending.write(bytes.subarray(0, 1_700_000), () =>
      setTimeout(() => sending.destroy(new Error('cut')), 200),
    )
  })
  const arrived = await until(async () => {
    const { headers } = await expect(204, http.send('GET', location))
    const last = Number(headers.get('range')!.split('-')[1])
    return last > 0 ? last + 1 : undefined
  })
  assert.ok(arrived <= 1_700_000)
  const headers = { 'Content-Range': `${arrived}-${bytes.length - 1}` }
  await expect(202, http.send('PATCH', location, { headers, body: bytes.subarray(arrived) }))
  await expect(201, http.send('PUT', `${location}?digest=${sha256(bytes)}`))
  const whole = await expect(200, http.send('GET', `/v2/${name}/blobs/${sha256(bytes)}`))
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes)
})

test('an upload can be ended, and unfinished ones are swept after a day', async () => {
  const { sweepUploads } = await import('./sweep-uploads.ts')
  const { name, http } = await repository()
  const begin = async () =>
    (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get('location')!
  const [ended, old, young] = [await begin(), await begin(), await begin()]
  for (const location of [ended, old, young])
    await expect(202, http.send('PATCH', location, { body: randomBytes(10) }))
  await expect(204, http.send('DELETE', ended))
  await server.ctx.db.sql`
    update blob_upload set touched_at = ${new Date(Date.now() - 25 * 3600_000)} where id = ${old.split('/').at(-1)!}`
  await sweepUploads(server.ctx)
  for (const location of [ended, old])
    assert.equal(await refused(404, http.send('GET', location)), 'BLOB_UPLOAD_UNKNOWN')
  await expect(204, http.send('GET', young))
})

test('an upload that takes longer than its token lives ends well, also with a new token', async () => {
  const { name } = await repository()
  const bytes = randomBytes(2000)
  const now = server.ctx.now
  try {
    const http = await clientFor({ [name]: ['pull', 'push'] }, 60)
    const location = (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get(
      'location',
    )!
    server.ctx.now = () => new Date(Date.now() + 3600_000)
    // The old token: good for what was begun with it, and for nothing else.
    await expect(202, http.send('PATCH', location, { body: bytes.subarray(0, 1000) }))
    await expect(401, http.send('POST', `/v2/${name}/blobs/uploads/`))
    const other = (await mintToken(server.ctx, {
      subject: 'somebody else',
      access: [{ type: 'repository', name, actions: ['push'] }],
      seconds: -1800,
    }))!
    await expect(401, client(server, other).send('PATCH', location, { body: bytes.subarray(1000) }))
    // A new token goes on with the same upload.
    const renewed = await clientFor({ [name]: ['pull', 'push'] }, 60)
    await expect(202, renewed.send('PATCH', location, { body: bytes.subarray(1000) }))
    await expect(201, http.send('PUT', `${location}?digest=${sha256(bytes)}`))
    await expect(200, renewed.send('HEAD', `/v2/${name}/blobs/${sha256(bytes)}`))
  } finally {
    server.ctx.now = now
  }
})

test('a blob is mounted from a repository that the token may read', async () => {
  const from = await repository()
  const digest = await from.http.pushBlob(from.name, randomBytes(1000))
  const { name } = await repository()
  const http = await clientFor({ [name]: ['pull', 'push'], [from.name]: ['pull'] })
  const mounted = await expect(
    201,
    http.send('POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=${from.name}`),
  )
  assert.equal(mounted.headers.get('location'), `/v2/${name}/blobs/${digest}`)
  await expect(200, http.send('GET', `/v2/${name}/blobs/${digest}`))
})

test('a mount from a repository that may not be read, or of a blob that is missing or damaged, becomes an upload like any other', async () => {
  const from = await repository()
  const bytes = randomBytes(1000)
  const digest = await from.http.pushBlob(from.name, bytes)
  const { name, http } = await repository()
  const reader = await clientFor({ [name]: ['pull', 'push'], [from.name]: ['pull'] })
  const hex = digest.slice('sha256:'.length)
  const file = join(server.ctx.config.blobs, 'sha256', hex.slice(0, 2), hex)

  const answers = []
  for (const [sender, mount, source] of [
    [http, digest, from.name], // may not be read
    [http, missing, from.name], // may not be read, and has no such blob
    [http, digest, 'no/such'],
    [reader, missing, from.name],
  ] as const) {
    const answer = await expect(
      202,
      sender.send('POST', `/v2/${name}/blobs/uploads/?mount=${mount}&from=${source}`),
    )
    answers.push([await answer.text(), [...answer.headers.keys()].sort().join()])
  }
  await truncate(file, 500)
  const damaged = await expect(
    202,
    reader.send('POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=${from.name}`),
  )
  answers.push([await damaged.text(), [...damaged.headers.keys()].sort().join()])
  for (const answer of answers) assert.deepEqual(answer, answers[0])

  // Sent again, it is whole again, for everybody.
  await expect(
    201,
    reader.send('PUT', `${damaged.headers.get('location')}?digest=${digest}`, { body: bytes }),
  )
  const healed = await expect(200, from.http.send('GET', `/v2/${from.name}/blobs/${digest}`))
  assert.deepEqual(Buffer.from(await healed.arrayBuffer()), bytes)
})

test('who may push here and read elsewhere is told that a blob is there, and need not send it', async () => {
  const from = await repository()
  const bytes = randomBytes(1000)
  const digest = await from.http.pushBlob(from.name, bytes)
  const { name } = await repository()
  const stranger = await clientFor({ [name]: ['pull', 'push'] })
  await expect(404, stranger.send('HEAD', `/v2/${name}/blobs/${digest}`))
  const onlyReads = await clientFor({ [name]: ['pull'], [from.name]: ['pull'] })
  await expect(404, onlyReads.send('HEAD', `/v2/${name}/blobs/${digest}`))
  const builder = await clientFor({ [name]: ['pull', 'push'], [from.name]: ['pull'] })
  await expect(200, builder.send('HEAD', `/v2/${name}/blobs/${digest}`))
  await expect(200, stranger.send('HEAD', `/v2/${name}/blobs/${digest}`))

  // A manifest over it is taken too, even where nobody asked before.
  const other = await repository()
  const config = Buffer.from('{}')
  const pusher = await clientFor({ [other.name]: ['pull', 'push'], [from.name]: ['pull'] })
  await pusher.pushBlob(other.name, config)
  const headers = { 'Content-Type': imageType }
  await expect(
    201,
    pusher.send('PUT', `/v2/${other.name}/manifests/latest`, {
      headers,
      body: imageManifest(config, [bytes]),
    }),
  )
  await expect(200, other.http.send('GET', `/v2/${other.name}/blobs/${digest}`))
})

test('many may push the same blob at once', async () => {
  const bytes = randomBytes(300_000)
  const places = await Promise.all(Array.from({ length: 4 }, repository))
  await Promise.all([...places, ...places].map(({ name, http }) => http.pushBlob(name, bytes)))
  for (const { name, http } of places) {
    const whole = await expect(200, http.send('GET', `/v2/${name}/blobs/${sha256(bytes)}`))
    assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes)
  }
})

test('a manifest is kept byte by byte with its media type, and found by tag and digest', async () => {
  const { name, http } = await repository()
  const digest = await http.pushImage(name, 'latest')
  for (const reference of ['latest', digest]) {
    const found = await expect(200, http.send('GET', `/v2/${name}/manifests/${reference}`))
    assert.equal(found.headers.get('content-type'), imageType)
    assert.equal(found.headers.get('docker-content-digest'), digest)
    assert.equal(sha256(Buffer.from(await found.arrayBuffer())), digest)
    const head = await expect(200, http.send('HEAD', `/v2/${name}/manifests/${reference}`))
    assert.equal(head.headers.get('docker-content-digest'), digest)
    assert.ok(Number(head.headers.get('content-length')) > 0)
  }
  for (const reference of ['none', missing])
    assert.equal(
      await refused(404, http.send('GET', `/v2/${name}/manifests/${reference}`)),
      'MANIFEST_UNKNOWN',
    )

  const docker = 'application/vnd.docker.distribution.manifest.v2+json'
  const config = Buffer.from('{}')
  await http.pushBlob(name, config)
  const body = JSON.stringify(
    {
      schemaVersion: 2,
      mediaType: docker,
      config: describe('application/vnd.docker.container.image.v1+json', config),
      layers: [],
    },
    null,
    3,
  )
  const put = await expect(
    201,
    http.send('PUT', `/v2/${name}/manifests/${sha256(body)}`, { headers: { 'Content-Type': docker }, body }),
  )
  assert.equal(put.headers.get('location'), `/v2/${name}/manifests/${sha256(body)}`)
  const found = await expect(200, http.send('GET', `/v2/${name}/manifests/${sha256(body)}`))
  assert.equal(found.headers.get('content-type'), docker)
  assert.equal(await found.text(), body)
})

test('a manifest whose blobs or children are missing or damaged is refused by name, so that they are sent again', async () => {
  const { name, http } = await repository()
  const [config, layer] = [Buffer.from('{}'), randomBytes(800)]
  const manifest = imageManifest(config, [layer])
  const put = (type = imageType, body = manifest) =>
    http.send('PUT', `/v2/${name}/manifests/latest`, { headers: { 'Content-Type': type }, body })
  await http.pushBlob(name, config)
  assert.equal(await refused(400, put()), 'MANIFEST_BLOB_UNKNOWN')
  await http.pushBlob(name, layer)

  const hex = sha256(layer).slice('sha256:'.length)
  await truncate(join(server.ctx.config.blobs, 'sha256', hex.slice(0, 2), hex), 100)
  assert.equal(await refused(400, put()), 'MANIFEST_BLOB_UNKNOWN')
  await expect(404, http.send('HEAD', `/v2/${name}/blobs/${sha256(layer)}`))
  await http.pushBlob(name, layer)

  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [describe(imageType, manifest)],
  })
  assert.equal(await refused(400, put(indexType, index)), 'MANIFEST_BLOB_UNKNOWN')
  await expect(201, put())
  await expect(201, put(indexType, index))
})

test('a manifest that is none, lies about its type or its sizes, or is too large is refused', async () => {
  const { name, http } = await repository()
  const config = Buffer.from('{}')
  await http.pushBlob(name, config)
  const put = (reference: string, type: string, body: string) =>
    http.send('PUT', `/v2/${name}/manifests/${reference}`, { headers: { 'Content-Type': type }, body })
  const good = imageManifest(config, [])
  assert.equal(await refused(400, put('latest', imageType, '{"schemaVersion":2')), 'MANIFEST_INVALID')
  assert.equal(await refused(400, put('latest', imageType, '{"schemaVersion":2}')), 'MANIFEST_INVALID')
  assert.equal(await refused(400, put('latest', indexType, good)), 'MANIFEST_INVALID')
  assert.equal(await refused(400, put('latest', 'text/plain', good)), 'MANIFEST_INVALID')
  assert.equal(await refused(400, put('-odd-', imageType, good)), 'MANIFEST_INVALID')
  assert.equal(await refused(400, put(missing, imageType, good)), 'DIGEST_INVALID')
  assert.equal(
    await refused(400, put('latest', imageType, good.replace('"size":2', '"size":3'))),
    'MANIFEST_INVALID',
  )
  await expect(413, put('latest', imageType, good + ' '.repeat(5 * 1024 * 1024)))
  await expect(404, http.send('GET', `/v2/${name}/manifests/latest`))
})

test('tags are listed in order, in pages, and may move', async () => {
  const { name, http } = await repository()
  assert.equal(await refused(404, http.send('GET', `/v2/${name}/tags/list`)), 'NAME_UNKNOWN')
  const config = Buffer.from('{}')
  await http.pushBlob(name, config)
  const tag = (reference: string, body = imageManifest(config, [])) =>
    expect(
      201,
      http.send('PUT', `/v2/${name}/manifests/${reference}`, {
        headers: { 'Content-Type': imageType },
        body,
      }),
    )
  for (const reference of ['b', 'latest', 'a', 'B', '1.0']) await tag(reference)
  const list = async (query: string) => {
    const answer = await expect(200, http.send('GET', `/v2/${name}/tags/list${query}`))
    return {
      ...((await answer.json()) as { name: string; tags: string[] }),
      link: answer.headers.get('link'),
    }
  }
  assert.deepEqual(await list(''), { name, tags: ['1.0', 'B', 'a', 'b', 'latest'], link: null })
  const page = await list('?n=2')
  assert.deepEqual(page.tags, ['1.0', 'B'])
  assert.equal(page.link, `</v2/${name}/tags/list?n=2&last=B>; rel="next"`)
  assert.deepEqual(await list('?n=2&last=b'), { name, tags: ['latest'], link: null })
  assert.deepEqual((await list('?n=0')).tags, [])
  await expect(400, http.send('GET', `/v2/${name}/tags/list?n=many`))

  const moved = imageManifest(config, [], { annotations: { again: 'yes' } })
  await tag('a', moved)
  const found = await expect(200, http.send('HEAD', `/v2/${name}/manifests/a`))
  assert.equal(found.headers.get('docker-content-digest'), sha256(moved))
})

test('manifests, tags and blobs can be deleted by the platform itself', async () => {
  const { name, http } = await repository()
  const layer = randomBytes(50)
  const digest = await http.pushImage(name, 'latest', [layer])
  await expect(202, http.send('DELETE', `/v2/${name}/manifests/latest`))
  await expect(404, http.send('GET', `/v2/${name}/manifests/latest`))
  await expect(202, http.send('DELETE', `/v2/${name}/manifests/${digest}`))
  assert.equal(await refused(404, http.send('DELETE', `/v2/${name}/manifests/${digest}`)), 'MANIFEST_UNKNOWN')
  await expect(202, http.send('DELETE', `/v2/${name}/blobs/${sha256(layer)}`))
  assert.equal(await refused(404, http.send('GET', `/v2/${name}/blobs/${sha256(layer)}`)), 'BLOB_UNKNOWN')
})

test('what refers to a manifest is listed under it, by kind, even if it came first', async () => {
  const { name, http } = await repository()
  const [config, layer] = [Buffer.from('{}'), randomBytes(30)]
  const image = imageManifest(config, [layer])
  await http.pushBlob(name, config)
  await http.pushBlob(name, layer)
  const put = (body: string) =>
    expect(
      201,
      http.send('PUT', `/v2/${name}/manifests/${sha256(body)}`, {
        headers: { 'Content-Type': imageType },
        body,
      }),
    )
  const about = (artifactType: string) =>
    imageManifest(config, [], {
      artifactType,
      subject: describe(imageType, image),
      annotations: { of: artifactType },
    })
  const [signature, bom] = [about('application/x.signature'), about('application/x.bom')]
  const first = await put(signature)
  assert.equal(first.headers.get('oci-subject'), sha256(image))
  await put(image)
  await put(bom)
  const list = async (query = '') => {
    const answer = await expect(200, http.send('GET', `/v2/${name}/referrers/${sha256(image)}${query}`))
    assert.equal(answer.headers.get('content-type'), indexType)
    const { manifests } = (await answer.json()) as { manifests: object[] }
    return { manifests, filtered: answer.headers.get('oci-filters-applied') }
  }
  const entry = (body: string, artifactType: string) => ({
    ...describe(imageType, body),
    artifactType,
    annotations: { of: artifactType },
  })
  const [one, two] = [entry(signature, 'application/x.signature'), entry(bom, 'application/x.bom')]
  assert.deepEqual(await list(), { manifests: [one, two], filtered: null })
  assert.deepEqual(await list('?artifactType=application/x.bom'), {
    manifests: [two],
    filtered: 'artifactType',
  })
  const none = await expect(200, http.send('GET', `/v2/${name}/referrers/${missing}`))
  assert.deepEqual(((await none.json()) as { manifests: object[] }).manifests, [])
})

test('an image is whole when its manifest, those below it, and all their blobs are; builds ask for size and platform', async () => {
  const { imageIsWhole, imageSize } = await import('./image.ts')
  const { imagePlatforms } = await import('./image-platform.ts')
  const { ctx } = server
  const { name, http } = await repository()
  const [one, two] = [randomBytes(700), randomBytes(300)]
  const arm = { os: 'linux', architecture: 'arm', variant: 'v6', rootfs: {} }
  const digest = await http.pushImage(name, 'latest', [one, two], arm)
  assert.equal(await imageIsWhole(ctx, name, digest), true)
  assert.equal(await imageSize(ctx, name, digest), 1000)
  assert.deepEqual(await imagePlatforms(ctx, name, digest), [
    { os: 'linux', architecture: 'arm', variant: 'v6' },
  ])
  assert.equal(await imageIsWhole(ctx, name, missing), false)
  assert.equal(await imageSize(ctx, name, missing), undefined)
  assert.deepEqual(await imagePlatforms(ctx, name, missing), [])

  // As BuildKit makes them: an index of the image and what attests it.
  const image = await (await http.send('GET', `/v2/${name}/manifests/${digest}`)).text()
  const attestation = imageManifest(Buffer.from('{}'), [])
  await http.pushBlob(name, Buffer.from('{}'))
  const put = (type: string, body: string) =>
    expect(
      201,
      http.send('PUT', `/v2/${name}/manifests/${sha256(body)}`, { headers: { 'Content-Type': type }, body }),
    )
  await put(imageType, attestation)
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      { ...describe(imageType, image), platform: { os: 'linux', architecture: 'arm' } },
      { ...describe(imageType, attestation), platform: { os: 'unknown', architecture: 'unknown' } },
    ],
  })
  await put(indexType, index)
  assert.equal(await imageIsWhole(ctx, name, sha256(index)), true)
  assert.equal(await imageSize(ctx, name, sha256(index)), 1000)
  assert.deepEqual(await imagePlatforms(ctx, name, sha256(index)), [
    { os: 'linux', architecture: 'arm', variant: 'v6' },
  ])

  await server.ctx.blobs.remove(sha256(two))
  assert.equal(await imageIsWhole(ctx, name, digest), false)
  assert.equal(await imageIsWhole(ctx, name, sha256(index)), false)
})

test('what the registry does not do, or has never heard of, is answered in its own words', async () => {
  const { name, http } = await repository()
  assert.equal(await refused(404, http.send('GET', '/v2/_catalog')), 'NAME_UNKNOWN')
  assert.equal(await refused(405, http.send('PATCH', `/v2/${name}/manifests/latest`)), 'UNSUPPORTED')
  assert.equal(await refused(400, http.send('GET', '/v2/Not_A_Name/manifests/latest')), 'NAME_INVALID')
  for (const id of ['not-a-session', '00000000-0000-0000-0000-000000000000'])
    assert.equal(
      await refused(404, http.send('PATCH', `/v2/${name}/blobs/uploads/${id}`)),
      'BLOB_UPLOAD_UNKNOWN',
    )
})

/** `fetch` sets its own Host, so this one is asked by hand. */
function challengeOf(method: string, path: string, host: string): Promise<string | undefined> {
  return new Promise((done, failed) => {
    request(new URL(path, server.url), { method, headers: { Host: host } }, (response) => {
      response.resume()
      done(response.headers['www-authenticate'])
    })
      .once('error', failed)
      .end()
  })
}

const streamOf = (bytes: Buffer) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 50_000) controller.enqueue(bytes.subarray(at, at + 50_000))
      controller.close()
    },
  })

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error('waited in vain')
}
