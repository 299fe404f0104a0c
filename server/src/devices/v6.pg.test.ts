import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../test-server.ts'
import { deviceRow, testDevice, testFleet, testRelease } from './test-fleet.ts'

test("the OS's flasher tells its progress with a form, and pins a preloaded device", async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const release = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const patch = async (form: Record<string, string>) => {
    const address = `${server.url}/v6/device(uuid='${device.uuid}')?apikey=${device.key}`
    const answer = await fetch(address, { method: 'PATCH', body: new URLSearchParams(form) })
    return answer.status
  }
  assert.equal(
    await patch({ provisioning_progress: '50', provisioning_state: 'Flashing', status: 'configuring' }),
    200,
  )
  let row = await deviceRow(server, device.id)
  assert.deepEqual(
    [row.provisioning_progress, row.provisioning_state, row.status],
    [50, 'Flashing', 'configuring'],
  )
  assert.equal(await patch({ provisioning_progress: '', provisioning_state: '', status: 'Idle' }), 200)
  row = await deviceRow(server, device.id)
  assert.deepEqual([row.provisioning_progress, row.provisioning_state], [null, null])
  assert.equal(await patch({ should_be_running__release: String(release.id) }), 200)
  assert.equal((await deviceRow(server, device.id)).is_pinned_on__release, release.id)
})

test('the updater on a device asks which supervisor to run, and gets a version and an image', async () => {
  await using server = await testServer()
  const fleet = await testFleet(server)
  const device = await testDevice(server, fleet)
  const ask = async () => {
    const query = `$select=supervisor_version,image_name&$filter=should_manage__device/any(d:d/uuid eq '${device.uuid}')`
    return server.call('GET', `/v6/supervisor_release?${encodeURI(query)}`, undefined, device.key)
  }
  assert.deepEqual(await ask(), { d: [] })
  const supervisors = await testFleet(server, { name: 'amd64-supervisor' })
  const release = await testRelease(server, supervisors, ['main'], { semver: '20.1.0' })
  const { sql } = server.ctx.db
  await sql`update application set slug = 'balena_os/amd64-supervisor', is_public = true where id = ${supervisors.id}`
  await server.call('PATCH', `/v7/device(${device.id})`, { should_be_managed_by__release: release.id })
  assert.deepEqual(await ask(), {
    d: [
      {
        supervisor_version: '20.1.0',
        image_name: `${server.ctx.config.registryHost}/${release.services.main!.location}`,
      },
    ],
  })
})

test('to version 6 a device is offline or idle where it is disconnected or operational to version 7', async () => {
  await using server = await testServer()
  const device = await testDevice(server, await testFleet(server))
  const status = async () =>
    (await server.call('GET', `/v6/device(${device.id})?$select=overall_status`)).d[0].overall_status
  const { sql } = server.ctx.db
  await sql`update device set api_heartbeat_state = 'offline' where id = ${device.id}`
  assert.equal(await status(), 'offline')
  await sql`update device set api_heartbeat_state = 'online', is_connected_to_vpn = true where id = ${device.id}`
  assert.equal(await status(), 'idle')
})
