// What the collection takes and what it leaves, and who wins when it meets a push.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { guest } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { newClone, testRemote } from '../git/test-remote.ts'
import type { Blobs } from '../kit/blobs/blobs.ts'
import { collectBlobRows } from '../registry/collect-blobs.ts'
import { imageIsWhole } from '../registry/image.ts'
import {
  describe,
  expect,
  imageManifest,
  imageType,
  indexType,
  refused,
  seedFleet,
  seedImage,
  sha256,
  type Client,
} from '../registry/test-registry.ts'
import { removeReleases } from '../releases/remove-release.ts'
import { collectRubbish } from './collect-rubbish.ts'
import { collectInTurn } from './part.ts'
import { markBuilt, testRegistry, type TestRegistry } from './test-collection.ts'

let server: TestRegistry
let ctx: Context
let blobs: Blobs
let count = 0

before(async () => {
  server = await testRegistry()
  ctx = server.ctx
  blobs = ctx.blobs
})
after(() => server[Symbol.asyncDispose]())
afterEach(() => {
  ctx.blobs = blobs
})

const fleet = () => seedFleet(ctx, 'admin', `fleet-${++count}`)

/** The repository of an image that a running release is about to fill, and a client that may push to it. */
async function pushing(application?: number): Promise<{ name: string; http: Client }> {
  const name = await seedImage(ctx, application ?? (await fleet()))
  await ctx.db.sql`
    with r as (
      insert into release (belongs_to__application, commit, status, start_timestamp)
      select s.application, ${randomBytes(20).toString('hex')}, 'running', ${ctx.now()}
      from image i join service s on s.id = i.is_a_build_of__service where i.location = ${name} returning id
    )
    insert into release_image (image, is_part_of__release) select i.id, r.id from image i, r where i.location = ${name}`
  return { name, http: await server.clientFor({ [name]: ['pull', 'push'] }) }
}

function putManifest(
  http: Client,
  name: string,
  content: string,
  { tag, type = imageType }: { tag?: string; type?: string } = {},
): Promise<Response> {
  return http.send('PUT', `/v2/${name}/manifests/${tag ?? sha256(content)}`, {
    headers: { 'Content-Type': type },
    body: content,
  })
}

const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64' }))
const digestsIn = async (location: string) =>
  (
    await ctx.db.sql<{ digest: string }[]>`
      select m.digest from manifest m join repository r on r.id = m.repository where r.name = ${location}`
  )
    .map(({ digest }) => digest)
    .sort()

test('a blob that no manifest needs goes a day after it was pushed, with its bytes', async () => {
  const { name, http } = await pushing()
  const old = await http.pushBlob(name, randomBytes(100))
  server.pass(12)
  const young = await http.pushBlob(name, randomBytes(100))
  server.pass(13)
  const freed = await collectRubbish(ctx)
  assert.deepEqual(await server.there(old, young), ['neither', 'row and bytes'])
  assert.deepEqual([freed.blobs, freed.bytes], [1, 100])
  assert.equal(await refused(404, http.send('GET', `/v2/${name}/blobs/${old}`)), 'BLOB_UNKNOWN')
})

test('a collection between a blob and its manifest takes nothing from the push', async () => {
  const { name, http } = await pushing()
  const layer = randomBytes(100)
  for (const blob of [config, layer]) await http.pushBlob(name, blob)
  server.pass(20)
  await collectRubbish(ctx)
  const content = imageManifest(config, [layer])
  await expect(201, putManifest(http, name, content, { tag: 'latest' }))
  server.pass(30)
  await collectRubbish(ctx)
  assert.equal(await imageIsWhole(ctx, name, sha256(content)), true)
})

test('who asked for a blob and was told that it is there can count on it, however old it is', async () => {
  const { name, http } = await pushing()
  const layer = randomBytes(100)
  const told = [await http.pushBlob(name, config), await http.pushBlob(name, layer)]
  const untold = await http.pushBlob(name, randomBytes(100))
  server.pass(30)
  for (const digest of told) await expect(200, http.send('HEAD', `/v2/${name}/blobs/${digest}`))
  await collectRubbish(ctx)
  assert.deepEqual(await server.there(untold), ['neither'])
  const content = imageManifest(config, [layer])
  await expect(201, putManifest(http, name, content))
  assert.equal(await imageIsWhole(ctx, name, sha256(content)), true)
})

test('who mounted a blob can count on it; one that was collected becomes an upload', async () => {
  const from = await pushing()
  const [one, two] = [randomBytes(100), randomBytes(100)]
  for (const blob of [config, one, two]) await from.http.pushBlob(from.name, blob)
  const { name } = await pushing()
  const http = await server.clientFor({ [name]: ['pull', 'push'], [from.name]: ['pull'] })
  const mount = (blob: Buffer) =>
    http.send('POST', `/v2/${name}/blobs/uploads/?mount=${sha256(blob)}&from=${from.name}`)
  server.pass(30)
  await expect(201, mount(config))
  await expect(201, mount(one))
  await collectRubbish(ctx)
  await expect(202, mount(two))
  const content = imageManifest(config, [one])
  await expect(201, putManifest(http, name, content))
  assert.equal(await imageIsWhole(ctx, name, sha256(content)), true)
})

test('who asked for a manifest and may push can count on it and on all below it', async () => {
  const { name, http } = await pushing()
  const image = await http.pushImage(name, undefined)
  server.pass(30)
  await expect(200, http.send('HEAD', `/v2/${name}/manifests/${image}`))
  await collectRubbish(ctx)
  assert.equal(await imageIsWhole(ctx, name, image), true)
  server.pass(30)
  await collectRubbish(ctx)
  assert.deepEqual(await digestsIn(name), [])
})

test('a manifest whose blob is collected at that moment is refused, so that the client sends it again', async () => {
  const { name, http } = await pushing()
  const layer = randomBytes(100)
  for (const blob of [config, layer]) await http.pushBlob(name, blob)
  const content = imageManifest(config, [layer])
  // After the bytes were found whole, and before the manifest's transaction.
  ctx.blobs = {
    ...blobs,
    async size(digest) {
      const size = await blobs.size(digest)
      if (digest === sha256(layer)) await ctx.db.sql`delete from registry_blob where digest = ${digest}`
      return size
    },
  }
  assert.equal(await refused(400, putManifest(http, name, content)), 'MANIFEST_BLOB_UNKNOWN')
  ctx.blobs = blobs
  await http.pushBlob(name, layer)
  await expect(201, putManifest(http, name, content))
})

test('a manifest holds its blobs while it is written: a collection at that moment leaves them', async () => {
  const { name, http } = await pushing()
  const digest = await http.pushBlob(name, randomBytes(100))
  server.pass(30)
  await ctx.db.transaction(async ({ sql }) => {
    await sql`select 1 from registry_blob where digest = ${digest} for key share`
    await sql`select 1 from repository where name = ${name} for key share`
    await collectRubbish(ctx) // neither waits nor takes
    assert.deepEqual(await server.there(digest), ['row and bytes'])
  })
  await collectRubbish(ctx)
  assert.deepEqual(await server.there(digest), ['neither'])
})

test('an upload becomes a blob while the same blob is collected: it has row and bytes in the end', async () => {
  const { name, http } = await pushing()
  const bytes = randomBytes(100)
  const digest = await http.pushBlob(name, bytes)
  for (const when of ['before its bytes move', 'before its row is written'] as const) {
    server.pass(30)
    const collect = async () => {
      ctx.blobs = blobs
      await collectRubbish(ctx)
    }
    ctx.blobs = {
      ...blobs,
      async finish(upload, expected) {
        if (when === 'before its bytes move') await collect()
        const finished = await blobs.finish(upload, expected)
        if (when === 'before its row is written') await collect()
        return finished
      },
    }
    await http.pushBlob(name, bytes)
    assert.deepEqual(await server.there(digest), ['row and bytes'], when)
  }
})

test('an upload waits for the removal of the same blob that is under way', async () => {
  const { name, http } = await pushing()
  const bytes = randomBytes(100)
  const digest = await http.pushBlob(name, bytes)
  server.pass(30)
  let push: Promise<string> | undefined
  ctx.blobs = {
    ...blobs,
    async remove(removed, unlessSince) {
      push ??= http.pushBlob(name, bytes)
      await Promise.race([push, pause(1000)]) // the second is for a push that waits, as it should
      return blobs.remove(removed, unlessSince)
    },
  }
  await collectRubbish(ctx)
  await push
  assert.deepEqual(await server.there(digest), ['row and bytes'])
})

test('children of an index have no tag and stay while it does; so do referrers of what stays', async () => {
  const application = await fleet()
  const { name, http } = await pushing(application)
  const amd64 = await http.pushImage(name, undefined)
  const arm64 = await http.pushImage(name, undefined)
  const sizes = new Map(
    (
      await ctx.db.sql<{ digest: string; size: number }[]>`
        select digest, length(content) as size from manifest where digest in (${amd64}, ${arm64})`
    ).map(({ digest, size }) => [digest, size]),
  )
  const of = (digest: string) => ({ mediaType: imageType, digest, size: sizes.get(digest)! })
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [of(amd64), of(arm64)],
  })
  await expect(201, putManifest(http, name, index, { type: indexType }))
  const layer = randomBytes(50)
  await http.pushBlob(name, layer)
  const signature = imageManifest(config, [layer], { subject: of(arm64) })
  await http.pushBlob(name, config)
  await expect(201, putManifest(http, name, signature))
  const sbom = imageManifest(config, [layer], { subject: describe(imageType, signature) })
  await expect(201, putManifest(http, name, sbom))
  const stray = await http.pushImage(name, undefined)
  await markBuilt(ctx, name, sha256(index))
  server.pass(30)
  await collectRubbish(ctx)
  const all = [amd64, arm64, sha256(index), sha256(signature), sha256(sbom)]
  assert.deepEqual(await digestsIn(name), all.toSorted())
  assert.ok(!(await digestsIn(name)).includes(stray))
  assert.deepEqual(await server.there(sha256(layer)), ['row and bytes'])

  await ctx.db.sql`delete from image where location = ${name}`
  await collectRubbish(ctx)
  assert.deepEqual(await digestsIn(name), [])
  assert.deepEqual(await server.there(sha256(layer)), ['neither'])
})

test('an index that is tagged keeps what it names, also where manifests name each other in a circle', async () => {
  const { name, http } = await pushing()
  const image = await http.pushImage(name, undefined)
  const [{ size }] = (await ctx.db.sql`
    select length(content) as size from manifest where digest = ${image}`) as unknown as [{ size: number }]
  const child = { mediaType: imageType, digest: image, size }
  // It names the image as its part and as its subject: each keeps the other, and nothing keeps both.
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [child],
    subject: child,
  })
  await expect(201, putManifest(http, name, index, { tag: 'v1', type: indexType }))
  server.pass(30)
  await collectRubbish(ctx)
  assert.deepEqual(await digestsIn(name), [image, sha256(index)].toSorted())
  await ctx.db.sql`delete from manifest_tag where digest = ${sha256(index)}`
  await collectRubbish(ctx)
  assert.deepEqual(await digestsIn(name), [])
})

test('two fleets share a layer: when one lets go the other has it still, and the last one takes it along', async () => {
  const shared = randomBytes(300)
  const [mine, yours] = [await fleet(), await fleet()]
  const own = randomBytes(200)
  const first = await server.released(mine, [shared, own])
  const second = await server.released(yours, [shared])
  server.pass(30)
  await removeReleases(ctx, guest, [first.release])
  await collectRubbish(ctx)
  assert.deepEqual(await server.there(sha256(own), sha256(shared)), ['neither', 'row and bytes'])
  assert.equal(await imageIsWhole(ctx, second.location, second.digest), true)
  const [gone] = await ctx.db.sql`select 1 from repository where name = ${first.location}`
  assert.equal(gone, undefined)

  server.pass(30)
  await ctx.db.sql`delete from application where id = ${yours}`
  await collectRubbish(ctx)
  assert.deepEqual(await server.there(sha256(shared)), ['neither'])
})

test('images of releases stay for ever, whether a device wants them or not, and the base images of the platform by their tags', async () => {
  const released = await server.released(await fleet())
  const http = await server.clientFor({ 'copal/amd64-node': ['pull', 'push'] })
  const tagged = await http.pushImage('copal/amd64-node', 'key-1')
  const replaced = await http.pushImage('copal/amd64-node', 'key-2')
  const current = await http.pushImage('copal/amd64-node', 'key-2')
  server.pass(24 * 400)
  await collectRubbish(ctx)
  assert.equal(await imageIsWhole(ctx, released.location, released.digest), true)
  assert.deepEqual(await digestsIn('copal/amd64-node'), [tagged, current].toSorted())
  assert.notEqual(replaced, current)
})

test('what git has stays while the fleet does: a clone is whole after a collection, and packs go with the fleet', async () => {
  await using remote = await testRemote({ ...server, token: await server.login() })
  const clone = await remote.clone()
  await clone.git('push', 'copal', 'main')
  await clone.commit('app.js', '2')
  await clone.git('push', 'copal', 'main')
  const packs = (
    await ctx.db.sql<{ blob: string }[]>`select blob from git_pack where application = ${remote.fleet.id}`
  ).map(({ blob }) => blob)
  assert.equal(packs.length, 2)
  server.pass(30)
  await collectRubbish(ctx)
  await remote.forgetCache()
  const reader = await newClone(await remote.folder(), remote.address)
  assert.equal((await reader.git('pull', '-q', 'copal', 'main')).code, 0)
  assert.equal((await reader.git('fsck', '--full')).code, 0)

  await ctx.db.sql`delete from application where id = ${remote.fleet.id}`
  await collectRubbish(ctx)
  assert.deepEqual(await server.there(...packs), ['neither', 'neither'])
})

test('a pack that is pushed while the same bytes are collected is there in the end', async () => {
  await using remote = await testRemote({ ...server, token: await server.login() })
  const clone = await remote.clone()
  ctx.blobs = {
    ...blobs,
    async put(content, expected) {
      const put = await blobs.put(content, expected)
      ctx.blobs = blobs // once
      await collectRubbish(ctx) // no row names it yet, and by this clock it is old
      assert.equal(await blobs.size(put.digest), undefined)
      return put
    },
  }
  assert.equal((await clone.git('push', 'copal', 'main')).code, 0)
  const [pack] = await ctx.db.sql<{ blob: string; size: string }[]>`
    select blob, size from git_pack where application = ${remote.fleet.id}`
  assert.equal(await blobs.size(pack!.blob), Number(pack!.size))
})

test('a collection that is killed between row and bytes leaves bytes without a row, which the next one removes', async () => {
  const { name, http } = await pushing()
  const digest = await http.pushBlob(name, randomBytes(100))
  server.pass(30)
  for await (const _ of collectBlobRows(ctx, new Date(ctx.now().getTime() - 24 * 3600_000)));
  assert.deepEqual(await server.there(digest), ['bytes'])
  assert.equal(await refused(404, http.send('GET', `/v2/${name}/blobs/${digest}`)), 'BLOB_UNKNOWN')
  const freed = await collectRubbish(ctx)
  assert.ok(freed.blobs >= 1)
  assert.deepEqual(await server.there(digest), ['neither'])
})

test('two copies that collect at once take each thing once, and one waits its turn', async () => {
  const { name, http } = await pushing()
  const digests: string[] = []
  for (let i = 0; i < 30; i++) digests.push(await http.pushBlob(name, randomBytes(10)))
  await http.pushImage(name, undefined)
  server.pass(30)
  const other = { ...ctx, copy: randomUUID() }
  const freed = await Promise.all([collectRubbish(ctx), collectRubbish(other), collectRubbish(other)])
  assert.equal(
    freed.reduce((sum, { manifests }) => sum + manifests, 0),
    1,
  )
  await collectRubbish(ctx) // what one of them had locked while another looked
  assert.deepEqual(
    await server.there(...digests),
    digests.map(() => 'neither'),
  )

  const began = async () => (await ctx.db.sql`select began_at from collection`)[0]!.began_at as Date
  await Promise.all([collectInTurn(ctx), collectInTurn(other)])
  const first = await began()
  server.pass(5)
  await collectInTurn(other)
  assert.deepEqual(await began(), first)
  server.pass(2)
  await collectInTurn(other)
  assert.ok((await began()) > first)
})

test('an upload that is open keeps its repository, and what is damaged harms nobody', async () => {
  const { name, http } = await pushing()
  const location = (await expect(202, http.send('POST', `/v2/${name}/blobs/uploads/`))).headers.get(
    'location',
  )!
  await ctx.db.sql`delete from image where location = ${name}`
  server.pass(30)
  await collectRubbish(ctx)
  await expect(204, http.send('GET', location))
  await expect(204, http.send('DELETE', location))
  await collectRubbish(ctx)
  assert.equal((await ctx.db.sql`select 1 from repository where name = ${name}`).length, 0)
})

test('every column that names a blob is known to the collection', async () => {
  const columns = await ctx.db.sql<{ name: string }[]>`
    select t.relname || '.' || a.attname as name
    from pg_class t join pg_attribute a on a.attrelid = t.oid
    where t.relkind = 'r' and t.relnamespace = 'public'::regnamespace and a.attnum > 0 and (
      a.attname ~ '(^|_)(digest|blob|content_hash)$'
      or exists (
        select from pg_constraint k where k.contype = 'c' and k.conrelid = t.oid and a.attnum = any(k.conkey)
          and pg_get_constraintdef(k.oid) like '%sha256%'))
    order by 1`
  // A new one either keeps bytes (`unnamed` asks for it), reaches manifests (`reached`), or says here why it does neither.
  assert.deepEqual(
    columns.map(({ name }) => name),
    [
      'blob_upload.digest', // keeps bytes
      'build.source', // keeps bytes
      'git_pack.blob', // keeps bytes
      'image.content_hash', // reaches a manifest
      'manifest.digest',
      'manifest_reference.digest', // reaches manifests, keeps blobs
      'manifest_tag.digest', // reaches a manifest
      'registry_blob.digest', // keeps bytes
      'repository_blob.digest', // goes with its blob
    ],
  )
})
