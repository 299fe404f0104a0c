import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type Platform } from '../../../testing/platform.ts'

let platform: Platform

before(async () => {
  platform = await startPlatform()
})
after(async () => {
  await platform[Symbol.asyncDispose]()
})

test('fleets are made, listed, shown, renamed and removed', async () => {
  assert.equal(await platform.ok('fleet', 'create', 'acme', '--type', 'genericx86-64-ext'), 'admin/acme\n')
  const listed = await platform.ok('fleet', 'list')
  assert.match(listed, /^FLEET +DEVICE TYPE +ONLINE +RELEASE\n/)
  assert.match(listed, /\nadmin\/acme +genericx86-64-ext +0\/0 +–\n/)
  assert.ok((await platform.json('fleet', 'list')).some((fleet: any) => fleet.slug === 'admin/acme'))
  assert.match(await platform.ok('fleet', 'show', 'acme'), /git remote +http:.*\/git\/admin\/acme.git\n/)
  assert.equal(await platform.ok('fleet', 'rename', 'acme', 'acme2'), 'admin/acme2\n')
  const refused = await platform.copal('fleet', 'rm', 'acme2')
  assert.match(refused.err, /^cannot ask here: Remove admin\/acme2 .* · give --yes/)
  assert.equal(await platform.ok('fleet', 'rm', 'acme2', '--yes'), 'Removed admin/acme2.\n')
  const gone = await platform.copal('fleet', 'show', 'acme2')
  assert.deepEqual(
    [gone.code, gone.err],
    [1, 'cannot find a fleet "acme2" · list yours with: copal fleet list\n'],
  )
  const noType = await platform.copal('fleet', 'create', 'x', '--type', 'toaster')
  assert.match(noType.err, /there is no device type "toaster" · list them with: copal device-type list/)
})

test('a name that several have is asked for in full', async () => {
  await platform.call('POST', '/v7/organization', { name: 'Other', handle: 'other' })
  await platform.ok('fleet', 'create', 'admin/twin')
  await platform.ok('fleet', 'create', 'other/twin')
  assert.match(
    (await platform.copal('fleet', 'show', 'twin')).err,
    /^cannot tell which fleet "twin" is: admin\/twin, other\/twin · give the whole name/,
  )
  assert.match(await platform.ok('fleet', 'show', 'other/twin'), /fleet +other\/twin\n/)
  assert.match(await platform.ok('organization', 'list'), /\nother +Other +1 +1\n/)

  const [a, b] = [await platform.device('admin/twin', 'same'), await platform.device('other/twin', 'same')]
  const device = await platform.copal('device', 'show', 'same')
  assert.match(device.err, /^cannot tell which device "same" is: .* · give the uuid/)
  assert.ok(device.err.includes(a.uuid.slice(0, 12)) && device.err.includes(b.uuid.slice(0, 12)))
  assert.match(await platform.ok('device', 'show', a.uuid.slice(0, 12)), /fleet +admin\/twin\n/)

  await platform.release('admin/twin', { semver: '7.0.0' })
  await platform.release('other/twin', { semver: '7.0.0' })
  assert.match(
    (await platform.copal('release', 'invalidate', '7.0.0')).err,
    /^cannot tell which release "7.0.0" is: .* · give --fleet/,
  )
  assert.match(await platform.ok('release', 'show', '7.0.0', '-f', 'other/twin'), /fleet +other\/twin\n/)
})

test('releases are listed, shown, finalized, invalidated; a fleet is pinned to one and follows again', async () => {
  await platform.ok('fleet', 'create', 'rels')
  assert.match(await platform.ok('release', 'list', 'rels'), /^There is no release yet/)
  const { commit } = await platform.release('rels', { is_final: false })
  const short = commit.slice(0, 7)
  assert.match(
    await platform.ok('release', 'list', 'rels'),
    new RegExp(`\n${short} +\\S+ +success, draft +\\d{4}-`),
  )
  assert.equal(await platform.ok('release', 'finalize', short), `Release ${short} is final.\n`)
  assert.match(await platform.ok('release', 'show', short), /status +success\n/)
  assert.equal((await platform.json('release', 'show', short)).commit, commit)
  assert.match(await platform.ok('fleet', 'pin', 'rels', short), /^admin\/rels stays on /)
  assert.match(await platform.ok('fleet', 'track', 'rels'), /follows the latest release/)
  assert.match(await platform.ok('release', 'invalidate', short), /no fleet follows it any more/)
  assert.equal((await platform.copal('release', 'logs', short)).err, 'There is no log.\n')
  const failed = await platform.release('rels', { status: 'failed' })
  assert.match(
    (await platform.copal('fleet', 'pin', 'rels', failed.commit.slice(0, 7))).err,
    /^cannot pin admin\/rels to .*: that release ended as failed · see: copal release logs/,
  )
})

test('device types are listed by processor', async () => {
  assert.match(await platform.ok('device-type', 'list'), /\nraspberrypi3 +armv7hf +Raspberry Pi 3/)
  const arm = await platform.json('device-type', 'list', '--arch', 'rpi')
  assert.ok(arm.length > 0 && arm.every((each: any) => each.is_of__cpu_architecture[0].slug === 'rpi'))
})
