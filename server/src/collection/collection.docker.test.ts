// A genuine engine remembers what it pushed and where; the registry may have forgotten it since.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { guest } from '../auth/actor.ts'
import { archiveOf, buildingServer, push, seedFleet } from '../builds/test-push.ts'
import { imageIsWhole } from '../registry/image.ts'
import { removeReleases } from '../releases/remove-release.ts'
import type { TestServer } from '../test-server.ts'
import { collectRubbish } from './collect-rubbish.ts'

const arch = process.arch === 'arm64' ? 'aarch64' : 'amd64'
const first = { timeout: 600_000 } // makes the builder and, on a fresh machine, the base image

let server: TestServer
before(async () => {
  server = await buildingServer()
  await seedFleet(server, 'hello', arch)
}, first)
after(() => server?.[Symbol.asyncDispose]())

async function imageOf(release: number) {
  const [image] = await server.ctx.db.sql<{ location: string; content_hash: string }[]>`
    select i.location, i.content_hash from release_image ri join image i on i.id = ri.image
    where ri.is_part_of__release = ${release}`
  return image!
}

async function layersOf({ location, content_hash }: { location: string; content_hash: string }) {
  const rows = await server.ctx.db.sql<{ digest: string }[]>`
    select mr.digest from repository r join manifest m on m.repository = r.id join manifest_reference mr on mr.manifest = m.id
    where r.name = ${location} and m.digest = ${content_hash} and mr.kind = 'layer'`
  return rows.map(({ digest }) => digest)
}

async function collectTomorrow(): Promise<void> {
  const { ctx } = server
  const now = ctx.now
  ctx.now = () => new Date(Date.now() + 30 * 3600_000)
  try {
    await collectRubbish(ctx)
  } finally {
    ctx.now = now
  }
}

test(
  'layers that were collected are sent again by a builder that remembers them, and those of the base stay',
  first,
  async () => {
    const project = (word: string) =>
      archiveOf({ Dockerfile: `FROM copal/${arch}-debian:trixie\nCOPY word /\n`, word })
    const one = await push(server, 'admin/hello', project('one'))
    const two = await push(server, 'admin/hello', project('two'))
    assert.deepEqual([one.error, two.error], [undefined, undefined])
    const before = await layersOf(await imageOf(one.release!))
    const kept = await layersOf(await imageOf(two.release!))
    const own = before.filter((digest) => !kept.includes(digest))
    assert.equal(own.length, 1)

    await removeReleases(server.ctx, guest, [one.release!])
    await collectTomorrow()
    assert.equal(await server.ctx.blobs.size(own[0]!), undefined)
    const living = await imageOf(two.release!)
    assert.equal(await imageIsWhole(server.ctx, living.location, living.content_hash), true)

    const again = await push(server, 'admin/hello', project('one'))
    assert.equal(again.error, undefined)
    const image = await imageOf(again.release!)
    assert.deepEqual(await layersOf(image), before)
    assert.equal(await imageIsWhole(server.ctx, image.location, image.content_hash), true)
  },
)
