import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metrics, stateFields } from './fields.ts'
import { readReport } from './read-report.ts'

const uuid = 'a'.repeat(32)
const read = (device: Record<string, unknown>) => readReport({ [uuid]: device })[uuid]!

test('one bad value in a report costs that value, and the rest is kept', () => {
  const report = read({
    status: 5,
    os_version: 'balenaOS 6.3.0',
    memory_usage: 'much',
    cpu_temp: 47,
    api_port: null,
  })
  assert.deepEqual(report, { os_version: 'balenaOS 6.3.0', cpu_temp: 47, api_port: null })
})

test('a service without an image, an unknown update status and a progress that is no number are dropped one by one', () => {
  const app = {
    release_uuid: 'c',
    releases: {
      c: {
        update_status: 'confused',
        services: { web: { status: 'Running' }, db: { image: 'x/v2/0', download_progress: 'half' } },
      },
    },
  }
  assert.deepEqual(read({ apps: { app } }).apps, {
    app: { release_uuid: 'c', releases: { c: { services: { db: { image: 'x/v2/0' } } } } },
  })
})

test('unknown fields are ignored, and what is no report at all is refused', () => {
  assert.deepEqual(read({ name: 'x', update_failed: true, logs_channel: null }), {})
  for (const body of [null, 'x', [], { [uuid]: 5 }, { [uuid]: { apps: 'none' } }])
    assert.throws(() => readReport(body), /cannot use this report/)
})

test('an address list that is longer than the column is cut between two addresses', () => {
  const address = '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff'
  const { ip_address } = stateFields({ ip_address: Array.from({ length: 100 }, () => address).join(' ') })
  assert.ok(ip_address!.length <= 2000 && ip_address!.length > 1900)
  assert.ok(ip_address!.split(' ').every((one) => one === address))
})

test('values are cut, rounded and clamped to what the columns hold', () => {
  assert.equal(stateFields({ status: 'x'.repeat(80) }).status!.length, 50)
  assert.equal(stateFields({ status: 'a\0b' }).status, 'ab')
  assert.deepEqual(stateFields({ os_variant: 'unsigned' }), {})
  assert.deepEqual(stateFields({ cpu_id: '10000000ABC' }), { cpu_id: '10000000abc' })
  assert.deepEqual(stateFields({ cpu_id: '\u0001\u0002' }), {})
  assert.deepEqual(metrics({ memory_usage: 1.6, cpu_usage: 300, storage_total: 1e12 }), {
    memory_usage: 2,
    storage_total: 2 ** 31 - 1,
    cpu_usage: 100,
  })
})
