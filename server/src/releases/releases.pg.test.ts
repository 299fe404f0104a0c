import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { guest } from '../auth/actor.ts'
import { testServer } from '../test-server.ts'
import { addImage, finishImage } from './add-image.ts'
import { cancelRelease, failRelease } from './end-release.ts'
import { finishRelease } from './finish-release.ts'
import type { Release } from './queries.ts'
import { rawVersion } from './release-version.ts'
import { insertRelease, startRelease, type NewRelease } from './start-release.ts'
import { updateRelease } from './update-release.ts'

const server = await testServer()
const { ctx } = server
after(() => server[Symbol.asyncDispose]())

const digest = `sha256:${'0'.repeat(64)}`

async function fleet(): Promise<number> {
  const [actor] = await ctx.db.sql<{ id: number }[]>`insert into actor default values returning id`
  const [row] = await ctx.db.sql<{ id: number }[]>`
    insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type)
    values (${actor!.id}, ${actor!.id.toString(16).padStart(32, '0')}, (select min(id) from organization), ${'fleet' + actor!.id}, ${'admin/fleet' + actor!.id},
      (select min(id) from device_type), (select min(id) from application_type)) returning id`
  return row!.id
}

let commits = 0
async function start(application: number, more: Partial<NewRelease> = {}): Promise<Release> {
  return startRelease(ctx, guest, {
    belongs_to__application: application,
    commit: (++commits).toString(16).padStart(40, '0'),
    composition: {},
    ...more,
  })
}

const target = async (application: number) =>
  (await ctx.db.sql`select should_be_running__release as id from application where id = ${application}`)[0]!
    .id

test('two releases that finish at the same moment get the revisions 0 and 1', async () => {
  const application = await fleet()
  const started = await Promise.all([1, 2, 3, 4].map(() => start(application, { semver: '1.2.0' })))
  const finished = await Promise.all(started.map((release) => finishRelease(ctx, release.id)))
  assert.deepEqual(finished.map((release) => release.revision).sort(), [0, 1, 2, 3])
  assert.deepEqual(finished.map(rawVersion).sort(), ['1.2.0', '1.2.0+rev1', '1.2.0+rev2', '1.2.0+rev3'])
  const other = await start(application, { semver: '1.3.0' })
  assert.equal((await finishRelease(ctx, other.id)).revision, 0)
})

test('the fleet follows the newest release by its start, whichever finishes last', async () => {
  const application = await fleet()
  const older = await start(application, { start_timestamp: new Date(1000) })
  const newer = await start(application, { start_timestamp: new Date(2000) })
  await finishRelease(ctx, newer.id)
  await finishRelease(ctx, older.id)
  assert.equal(await target(application), newer.id)

  await updateRelease(ctx, guest, newer.id, { is_invalidated: true, invalidation_reason: 'it smells' })
  assert.equal(await target(application), older.id)
  await updateRelease(ctx, guest, newer.id, { is_invalidated: false })
  assert.equal(await target(application), newer.id)
})

test('a fleet that is pinned stays where it is', async () => {
  const application = await fleet()
  const first = await start(application)
  await finishRelease(ctx, first.id)
  await ctx.db.sql`update application set should_track_latest_release = false where id = ${application}`
  await finishRelease(ctx, (await start(application)).id)
  assert.equal(await target(application), first.id)
})

test('a draft has no revision and is no target until it is finalised; final is for ever', async () => {
  const application = await fleet()
  const draft = await start(application, { is_final: false, semver: '2.0.0' })
  const built = await finishRelease(ctx, draft.id)
  assert.equal(built.revision, null)
  assert.equal(rawVersion(built), `2.0.0-${built.created_at.getTime()}`)
  assert.equal(await target(application), null)

  const renamed = await updateRelease(ctx, guest, draft.id, { semver: '2.1.0' })
  assert.equal(renamed.semver_minor, 1)
  const final = await updateRelease(ctx, guest, draft.id, { is_final: true })
  assert.equal(rawVersion(final), '2.1.0')
  assert.equal(await target(application), draft.id)
  await updateRelease(ctx, guest, draft.id, { is_final: true }) // repeated: no second revision
  await assert.rejects(
    updateRelease(ctx, guest, draft.id, { is_final: false }),
    /Finalized releases cannot be converted to draft\./,
  )
  await assert.rejects(updateRelease(ctx, guest, draft.id, { semver: '3.0.0' }), /finalized/)
})

test('a release whose image has no digest does not become successful, also when a client says so', async () => {
  const application = await fleet()
  const composition = { services: { web: { build: { context: '.' } } } }
  const empty = await start(application, { composition })
  await assert.rejects(updateRelease(ctx, guest, empty.id, { status: 'success' }), /service web has no image/)
  const [row] = await ctx.db.sql`select status from release where id = ${empty.id}`
  assert.equal(row!.status, 'failed')

  const unpushed = await start(application, { composition })
  await ctx.db.transaction((tx) =>
    addImage(ctx, tx, unpushed, { service: 'web', labels: {}, environment: {} }),
  )
  await assert.rejects(finishRelease(ctx, unpushed.id), /the image of service web is running/)
  assert.equal(await target(application), null)
})

test('a commit is released once', async () => {
  const application = await fleet()
  const [one, two] = [
    await start(application, { commit: 'abcdef0' }),
    await start(application, { commit: 'abcdef0' }),
  ]
  await finishRelease(ctx, one.id)
  await assert.rejects(finishRelease(ctx, two.id), /commit abcdef0 was released successfully before/)
})

test('what else must happen with a release happens in its transaction, or neither does', async () => {
  const application = await fleet()
  const release = await start(application)
  const also = async () => {
    throw new Error('the ref moved meanwhile')
  }
  await assert.rejects(finishRelease(ctx, release.id, also), /the ref moved/)
  const [row] = await ctx.db.sql`select status, revision from release where id = ${release.id}`
  assert.deepEqual({ ...row }, { status: 'running', revision: null })
})

test('a release ends once: failed stays failed, cancelled is not overwritten', async () => {
  const application = await fleet()
  const failed = await start(application)
  assert.equal(await failRelease(ctx, failed.id, 'cannot build'), true)
  assert.equal(await failRelease(ctx, failed.id, 'again'), false)
  await assert.rejects(finishRelease(ctx, failed.id), /it is failed/)

  const cancelled = await start(application)
  await cancelRelease(ctx, cancelled.id)
  await assert.rejects(updateRelease(ctx, guest, cancelled.id, { status: 'success' }), /it is cancelled/)
  await updateRelease(ctx, guest, cancelled.id, { status: 'cancelled', end_timestamp: new Date() })
})

test('the labels and variables of an image stand with its release', async () => {
  const application = await fleet()
  const composition = { services: { web: {} } }
  const release = await ctx.db.transaction(async (tx) => {
    const row = await insertRelease(ctx, tx, guest, {
      belongs_to__application: application,
      commit: 'c0ffee',
      composition,
    })
    const image = { service: 'web', labels: { 'io.balena.features.dbus': '1' }, environment: { A: ' b\n' } }
    const added = await addImage(ctx, tx, row, image)
    return { ...row, image: added }
  })
  assert.match(release.image.location, /^v2\/[0-9a-f]{32}$/)
  await finishImage(ctx, release.image.id, { digest, size: 5_000_000_000, log: 'ok' })
  const rows = await ctx.db.sql`
    select l.value as label, e.value as variable from release_image ri join image_label l on l.release_image = ri.id
    join image_environment_variable e on e.release_image = ri.id where ri.is_part_of__release = ${release.id}`
  assert.deepEqual({ ...rows[0] }, { label: '1', variable: ' b\n' })
})

test('a version that is none is refused in the words of the wire', async () => {
  const application = await fleet()
  await assert.rejects(start(application, { semver: '1.2' }), /^Problem: Invalid semver format$/)
})
