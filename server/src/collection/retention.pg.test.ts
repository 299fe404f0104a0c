// Which releases let go of their images, and what they can still be asked for.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import type { Context } from '../context.ts'
import { imageIsWhole } from '../registry/image.ts'
import { seedDevice, seedFleet, seedImage } from '../registry/test-registry.ts'
import { letImagesGo } from '../releases/let-images-go.ts'
import { collectRubbish } from './collect-rubbish.ts'
import { testRegistry, type TestRegistry } from './test-collection.ts'

const day = 24 // hours

let server: TestRegistry
let ctx: Context
let count = 0

before(async () => {
  server = await testRegistry()
  ctx = server.ctx
})
beforeEach(() => {
  ctx.config.collection = { graceHours: 24, draftDays: 30, finalDays: undefined, lastReleases: 0 }
})
after(() => server[Symbol.asyncDispose]())

const fleet = () => seedFleet(ctx, 'admin', `fleet-${++count}`)

type End = 'final' | 'draft' | 'failed' | 'cancelled' | 'interrupted'

/** A release with an image, which ended in this way just now. */
async function ended(application: number, end: End) {
  const made = await server.released(application)
  await ctx.db.sql`
    update release set status = ${end === 'final' || end === 'draft' ? 'success' : end}, update_timestamp = ${ctx.now()},
      revision = case when ${end === 'final'} then revision end
    where id = ${made.release}`
  return made
}

/** Of these releases the ones that have their images still, by the rows and in the registry alike. */
async function keeping(made: Awaited<ReturnType<typeof ended>>[]): Promise<boolean[]> {
  return Promise.all(
    made.map(async ({ release, location, digest }) => {
      const [row] = await ctx.db.sql<{ kept: boolean }[]>`
        select images_let_go_at is null as kept from release where id = ${release}`
      assert.equal(await imageIsWhole(ctx, location, digest), row!.kept)
      return row!.kept
    }),
  )
}

const call = async (method: string, path: string, body?: object) =>
  server.call(method, path, body, await server.login())

test('failed, cancelled and draft releases let go of their images after some days; final ones never do', async () => {
  const application = await fleet()
  const made = []
  for (const end of ['failed', 'cancelled', 'interrupted', 'draft', 'final'] as const)
    made.push(await ended(application, end))
  server.pass(29 * day)
  await collectRubbish(ctx)
  assert.deepEqual(await keeping(made), [true, true, true, true, true])
  server.pass(2 * day)
  const freed = await collectRubbish(ctx)
  assert.equal(freed.releases, 4)
  server.pass(400 * day)
  await collectRubbish(ctx)
  assert.deepEqual(await keeping(made), [false, false, false, false, true])
})

test('a release that let go says so on the wire, and keeps its row and its log', async () => {
  const { release } = await ended(await fleet(), 'failed')
  await ctx.db.sql`update release set build_log = 'it did not compile' where id = ${release}`
  server.pass(31 * day)
  await collectRubbish(ctx)
  const { d } = await call('GET', `/v7/release(${release})`)
  assert.equal(d[0].status, 'failed')
  assert.equal(d[0].build_log, 'it did not compile')
  assert.equal(d[0].is_invalidated, true)
  assert.match(d[0].invalidation_reason, /^it let go of its images on \d{4}-\d\d-\d\d · build it again$/)
})

test('a device or a fleet that is asked to run a release without images is refused with a sentence', async () => {
  const application = await fleet()
  const { release } = await ended(application, 'draft')
  const { uuid } = await seedDevice(ctx, application)
  const [row] = await ctx.db.sql<{ commit: string; uuid: string }[]>`
    select r.commit, a.uuid from release r join application a on a.id = r.belongs_to__application where r.id = ${release}`
  server.pass(31 * day)
  await collectRubbish(ctx)
  const refused = [
    ['PATCH', `/v7/device(uuid='${uuid}')`, { is_pinned_on__release: release }],
    ['PATCH', `/v7/application(${application})`, { should_be_running__release: release }],
    ['PATCH', `/v7/release(${release})`, { is_final: true }],
    ['PATCH', `/v7/release(${release})`, { is_invalidated: false }],
  ] as const
  for (const [method, path, body] of refused)
    await assert.rejects(
      call(method, path, body),
      /answered 400: .*cannot \w+ .*let go of its images on .* build it again/,
    )
  await assert.rejects(
    call('GET', `/device/v3/fleet/${row!.uuid}/state?releaseUuid=${row!.commit}`),
    /answered 404: .*with its images/,
  )
})

test('what anybody names is kept, however old: targets, pins, what devices run, have, or last ran well', async () => {
  ctx.config.collection.finalDays = 60
  const application = await fleet()
  const names: [string, (release: number) => Promise<unknown>][] = [
    ['nobody', async () => {}],
    [
      'target of the fleet',
      (id) =>
        ctx.db
          .sql`update application set should_track_latest_release = false, should_be_running__release = ${id} where id = ${application}`,
    ],
    ['pin', (id) => onDevice((device) => pinned(device, id))],
    ['supervisor', (id) => onDevice((device) => managed(device, id))],
    ['host system', (id) => onDevice((device) => operated(device, id))],
    ['is running', (id) => onDevice((device) => running(device, id))],
    ['has it', (id) => onDevice((device) => installed(device, id, 'Stopped'))],
    ['had it', (id) => onDevice((device) => installed(device, id, 'deleted'))],
  ]
  async function onDevice(work: (device: number) => Promise<unknown>) {
    const { uuid } = await seedDevice(ctx, application)
    const [row] = await ctx.db.sql<{ id: number }[]>`select id from device where uuid = ${uuid}`
    await work(row!.id)
  }
  const made = []
  for (const end of ['final', 'draft'] as const)
    for (const [, name] of names.filter(([what]) => end === 'final' || what !== 'target of the fleet')) {
      const one = await ended(application, end)
      await name(one.release)
      made.push(one)
    }
  server.pass(61 * day)
  await collectRubbish(ctx)
  const kept = names.map(([what]) => !['nobody', 'had it'].includes(what))
  assert.deepEqual(await keeping(made), [
    ...kept,
    ...kept.filter((_, i) => names[i]![0] !== 'target of the fleet'),
  ])
})

test('a device keeps the release that it last ran well, while it tries one that crashes', async () => {
  ctx.config.collection.finalDays = 60
  const application = await fleet()
  const { uuid } = await seedDevice(ctx, application)
  const [row] = await ctx.db.sql<{ id: number }[]>`select id from device where uuid = ${uuid}`
  const device = row!.id
  const older = await ended(application, 'final')
  const healthy = await ended(application, 'final')
  const crashing = await ended(application, 'final')
  for (const [release, status] of [
    [older.release, 'Running'],
    [healthy.release, 'Running'],
    [crashing.release, 'restarting'],
  ] as const) {
    await ctx.db.sql`update image_install set status = 'deleted' where device = ${device}`
    await installed(device, release, status)
    await running(device, release)
    await collectRubbish(ctx)
  }
  server.pass(61 * day)
  await collectRubbish(ctx)
  assert.deepEqual(await keeping([older, healthy, crashing]), [false, true, true])
})

test('the newest releases of each fleet are kept beside what is named, counted fleet by fleet', async () => {
  ctx.config.collection.finalDays = 60
  ctx.config.collection.lastReleases = 2
  const [one, two] = [await fleet(), await fleet()]
  const made = []
  for (const application of [one, one, one, one, two])
    made.push(await ended(application, made.length === 1 ? 'draft' : 'final'))
  await ctx.db.sql`update application set should_be_running__release = ${made[0]!.release} where id = ${one}`
  await ended(one, 'failed') // does not count
  server.pass(61 * day)
  await collectRubbish(ctx)
  assert.deepEqual(await keeping(made), [true, false, true, true, true])
})

test('an image that a living release shares with one that let go is kept', async () => {
  const application = await fleet()
  const failed = await ended(application, 'failed')
  const [living] = await ctx.db.sql<{ id: number }[]>`
    insert into release (belongs_to__application, commit, status, start_timestamp, revision, semver_major)
    values (${application}, ${randomBytes(20).toString('hex')}, 'success', ${ctx.now()}, 0, 9) returning id`
  await ctx.db.sql`
    insert into release_image (image, is_part_of__release)
    select id, ${living!.id} from image where location = ${failed.location}`
  server.pass(31 * day)
  assert.ok((await collectRubbish(ctx)).releases >= 1)
  assert.equal(await imageIsWhole(ctx, failed.location, failed.digest), true)
})

test('supervisors and host systems keep their final releases: devices that come yet want them', async () => {
  ctx.config.collection.finalDays = 60
  const application = await fleet()
  const made = [await ended(application, 'final')]
  await ctx.db.sql`update application set is_of__class = 'app', is_public = true where id = ${application}`
  const host = await fleet()
  made.push(await ended(host, 'final'))
  await ctx.db.sql`update application set is_host = true where id = ${host}`
  server.pass(100 * day)
  await collectRubbish(ctx)
  assert.deepEqual(await keeping(made), [true, true])
})

test('a release that is being built keeps what was pushed, and an image without a release its day of grace', async () => {
  const application = await fleet()
  const building = await server.released(application)
  await ctx.db.sql`update release set status = 'running' where id = ${building.release}`
  server.pass(40 * day)
  const waiting = await seedImage(ctx, application)
  await ctx.db.sql`update image set created_at = ${ctx.now()} where location = ${waiting}`
  const http = await server.clientFor({ [waiting]: ['pull', 'push'] })
  const digest = await http.pushImage(waiting, 'latest')
  server.pass(20)
  await collectRubbish(ctx)
  assert.equal(await imageIsWhole(ctx, building.location, building.digest), true)
  assert.equal(await imageIsWhole(ctx, waiting, digest), true)
  server.pass(2 * day)
  await collectRubbish(ctx)
  assert.equal(await imageIsWhole(ctx, waiting, digest), false)
})

test('a pin and the letting go of the same release at the same moment: one of them sees the other', async () => {
  const application = await fleet()
  const { release } = await ended(application, 'draft')
  const { uuid } = await seedDevice(ctx, application)
  server.pass(31 * day)
  const token = await server.login()
  const pin = () =>
    server.call('PATCH', `/v7/device(uuid='${uuid}')`, { is_pinned_on__release: release }, token)
  // The pin has looked and has not committed yet: the release is left alone.
  await ctx.db.transaction(async ({ sql }) => {
    await sql`select 1 from release where id = ${release} for share`
    assert.equal(await letImagesGo(ctx), 0)
  })
  for (let round = 0; round < 10; round++) {
    await ctx.db
      .sql`update release set images_let_go_at = null, is_invalidated = false, invalidation_reason = null where id = ${release}`
    await ctx.db
      .sql`update release set update_timestamp = ${new Date(ctx.now().getTime() - 31 * day * 3600_000)} where id = ${release}`
    await ctx.db.sql`update device set is_pinned_on__release = null where uuid = ${uuid}`
    const [, letGo] = await Promise.all([pin().catch(() => undefined), letImagesGo(ctx)])
    const [row] = await ctx.db.sql<{ pinned: boolean; gone: boolean }[]>`
      select d.is_pinned_on__release is not null as pinned, r.images_let_go_at is not null as gone
      from device d, release r where d.uuid = ${uuid} and r.id = ${release}`
    assert.equal(row!.gone, letGo === 1)
    assert.ok(!(row!.pinned && row!.gone), 'pinned to a release without images')
  }
})

const pinned = (device: number, release: number) =>
  ctx.db.sql`update device set is_pinned_on__release = ${release} where id = ${device}`
const managed = (device: number, release: number) =>
  ctx.db.sql`update device set should_be_managed_by__release = ${release} where id = ${device}`
const operated = (device: number, release: number) =>
  ctx.db.sql`update device set should_be_operated_by__release = ${release} where id = ${device}`
const running = (device: number, release: number) =>
  ctx.db.sql`update device set is_running__release = ${release} where id = ${device}`
const installed = (device: number, release: number, status: string) =>
  ctx.db.sql`
    insert into image_install (device, installs__image, is_provided_by__release, status)
    select ${device}, image, ${release}, ${status} from release_image where is_part_of__release = ${release}
    on conflict (device, installs__image) do update set status = excluded.status`
