// Pushes, deletions and collections of two copies at the same time, in an order that a seed and the machine decide. In the end every image
// of every living release is whole, and nothing else is left. `SEED=… npm run test:pg -- <this file>` repeats its decisions.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { guest } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { imageIsWhole } from '../registry/image.ts'
import {
  describe,
  expect,
  imageManifest,
  imageType,
  indexType,
  refused,
  seedFleet,
  sha256,
  type Client,
} from '../registry/test-registry.ts'
import { addImage, finishImage } from '../releases/add-image.ts'
import { failRelease } from '../releases/end-release.ts'
import { finishRelease } from '../releases/finish-release.ts'
import { removeReleases } from '../releases/remove-release.ts'
import { insertRelease } from '../releases/start-release.ts'
import { Problem } from '../problems.ts'
import { collectRubbish } from './collect-rubbish.ts'
import { testRegistry, type TestRegistry } from './test-collection.ts'

const workers = 4
const stepsOfEach = 25

/** What a push has put into the registry. */
interface Pushed {
  release: number
  location: string
  manifests: string[]
  blobs: string[]
}

test('pushes, deletions and collections in any order leave every living release whole and nothing else', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e6)
  t.diagnostic(`SEED=${seed}`)
  await using server = await testRegistry({ COPAL_KEEP_LAST: '0', COPAL_KEEP_DRAFT_DAYS: '2' })
  const { ctx } = server
  const other: Context = { ...ctx, copy: randomUUID() }
  const random = seededRandom(seed)
  const layers = Array.from({ length: 12 }, (_, i) => Buffer.from(`layer ${i} of ${seed}`.repeat(i + 1)))
  const fleets = [await seedFleet(ctx, 'admin', 'first'), await seedFleet(ctx, 'admin', 'second')]
  const pushed: Pushed[] = []
  const push = new Pusher(server, random, layers, pushed)

  async function work(): Promise<void> {
    for (let i = 0; i < stepsOfEach; i++) {
      const dice = random()
      if (dice < 0.45) await push.release(fleets[Math.floor(random() * 2)]!)
      else if (dice < 0.6) await removeSome(ctx, random)
      else if (dice < 0.75) server.pass(random() * 12)
      else await collectRubbish(dice < 0.9 ? ctx : other)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))

  server.pass(26)
  await collectRubbish(other)
  await collectRubbish(ctx)
  const rows = await ctx.db.sql<{ id: number; status: string }[]>`
    select id, status from release where images_let_go_at is null`
  const living = pushed.filter(({ release }) => rows.some(({ id }) => id === release))
  t.diagnostic(`${pushed.length} pushes, ${living.length} live, ${push.again} times something was sent again`)
  assert.ok(living.length > 0 && living.length < pushed.length, 'the run is long enough to say something')

  const manifests = await ctx.db.sql<{ name: string }[]>`
    select r.name || '@' || m.digest as name from manifest m join repository r on r.id = m.repository`
  equal(
    manifests.map(({ name }) => name),
    living.flatMap(({ location, manifests }) => manifests.map((digest) => `${location}@${digest}`)),
  )
  const wanted = living.flatMap(({ blobs }) => blobs)
  const blobs = await ctx.db.sql<{ digest: string }[]>`select digest from registry_blob`
  equal(
    blobs.map(({ digest }) => digest),
    wanted,
  )
  const stored: string[] = []
  for await (const { digest } of ctx.blobs.list()) stored.push(digest)
  equal(stored, wanted)
  for (const { location, manifests } of living)
    for (const digest of manifests)
      assert.equal(await imageIsWhole(ctx, location, digest), true, `${location}@${digest}`)
})

function equal(there: string[], wanted: string[]): void {
  const missing = wanted.filter((name) => !there.includes(name))
  const left = there.filter((name) => !wanted.includes(name))
  assert.deepEqual({ missing, left }, { missing: [], left: [] })
}

/** Pushes as clients do: asks before it sends, and sends again what turns out to be missing. */
class Pusher {
  again = 0
  readonly #server: TestRegistry
  readonly #random: () => number
  readonly #layers: Buffer[]
  readonly #pushed: Pushed[]

  constructor(server: TestRegistry, random: () => number, layers: Buffer[], pushed: Pushed[]) {
    this.#server = server
    this.#random = random
    this.#layers = layers
    this.#pushed = pushed
  }

  /** A release of one image, whole, a draft or failed in the end; its image plain, or an index with a referrer. */
  async release(application: number): Promise<void> {
    const { ctx } = this.#server
    const kind = this.#random()
    const { release, image } = await ctx.db.transaction(async (tx) => {
      const release = await insertRelease(ctx, tx, guest, {
        belongs_to__application: application,
        commit: randomUUID().replaceAll('-', ''),
        composition: { services: { main: {} } },
        is_final: kind < 0.6,
      })
      await tx.sql`update release set update_timestamp = ${ctx.now()} where id = ${release.id}`
      return {
        release,
        image: await addImage(ctx, tx, release, { service: 'main', labels: {}, environment: {} }),
      }
    })
    const { location } = image
    const from = this.#pushed.at(Math.floor(this.#random() * this.#pushed.length))?.location
    const http = await this.#server.clientFor({
      [location]: ['pull', 'push'],
      ...(from && { [from]: ['pull'] }),
    })
    const made: Pushed = { release: release.id, location, manifests: [], blobs: [] }
    const top = this.#random() < 0.7 ? await this.#image(http, made, {}) : await this.#index(http, made)
    await finishImage(ctx, image.id, { digest: top, size: 1, log: '' })
    await ctx.db.sql`update image set content_hash = ${top} where id = ${image.id}`
    this.#pushed.push(made)
    if (kind > 0.85) await failRelease(ctx, release.id, 'it was to fail')
    else
      await finishRelease(ctx, release.id).catch(async (error: unknown) => {
        // So much time has passed meanwhile that something was collected, or that it counted as given up and was removed: told.
        if (
          !(error instanceof Problem) ||
          !['release_incomplete', 'conflict', 'not_found'].includes(error.code)
        )
          throw error
        await failRelease(ctx, release.id, error.message)
        await removeReleases(ctx, guest, [release.id])
      })
  }

  async #index(http: Client, made: Pushed): Promise<string> {
    for (;;) {
      made.manifests = []
      made.blobs = []
      const children = [await this.#image(http, made, {}), await this.#image(http, made, {})]
      const content = await this.#indexOf(made, children)
      if (!content || !(await this.#put(http, made, content, indexType))) continue
      const digest = sha256(content)
      await this.#image(http, made, { subject: describe(indexType, content) })
      return digest
    }
  }

  async #indexOf(made: Pushed, digests: string[]): Promise<string | undefined> {
    const rows = await this.#server.ctx.db.sql<{ digest: string; size: number }[]>`
      select m.digest, length(m.content) as size from manifest m join repository r on r.id = m.repository
      where r.name = ${made.location} and m.digest = any(${digests}) order by 1`
    if (rows.length < new Set(digests).size) return undefined
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: rows.map(({ digest, size }) => ({ mediaType: imageType, digest, size })),
    })
  }

  async #image(http: Client, made: Pushed, more: object): Promise<string> {
    const layers = this.#layers.filter(() => this.#random() < 0.15)
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', n: this.#random() }))
    const content = imageManifest(config, layers, more)
    do for (const blob of [config, ...layers]) await this.#blob(http, made, blob)
    while (!(await this.#put(http, made, content, imageType)))
    return sha256(content)
  }

  async #blob(http: Client, { location, blobs }: Pushed, bytes: Buffer): Promise<void> {
    const digest = sha256(bytes)
    const { status } = await http.send('HEAD', `/v2/${location}/blobs/${digest}`)
    if (status === 404) await http.pushBlob(location, bytes)
    if (!blobs.includes(digest)) blobs.push(digest)
  }

  /** False when something that it needs is gone and has to be sent again. */
  async #put(http: Client, made: Pushed, content: string, type: string): Promise<boolean> {
    // A slow line: what was sent a while ago may be rubbish by now.
    if (this.#random() < 0.3) this.#server.pass(this.#random() * 30)
    if (this.#random() < 0.3) await collectRubbish(this.#server.ctx)
    const answer = await http.send('PUT', `/v2/${made.location}/manifests/${sha256(content)}`, {
      headers: { 'Content-Type': type },
      body: content,
    })
    if (answer.status === 400) {
      assert.equal(await refused(400, Promise.resolve(answer)), 'MANIFEST_BLOB_UNKNOWN')
      this.again++
      return false
    }
    await expect(201, Promise.resolve(answer))
    if (!made.manifests.includes(sha256(content))) made.manifests.push(sha256(content))
    return true
  }
}

async function removeSome(ctx: Context, random: () => number): Promise<void> {
  const rows = await ctx.db.sql<{ id: number }[]>`
    select id from release r where status <> 'running' and not exists (
      select from application a where a.should_be_running__release = r.id) order by id`
  const one = rows.at(Math.floor(random() * rows.length))
  if (one) await removeReleases(ctx, guest, [one.id]).catch(onlyProblems) // it may have become a target
}

function onlyProblems(error: unknown): void {
  if (!(error instanceof Problem)) throw error
}
