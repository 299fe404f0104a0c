// The way of a log line from the container to the table, with the supervisor's real sender and the server's real table, while the
// supervisor dies, its cable breaks, and it comes back through another copy of the server.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, LogOptions } from '../engine/src/container-logs.ts'
import { startServer } from '../server/src/parts.ts'
import { testServer, type TestServer } from '../server/src/test-server.ts'
import {
  eventually,
  testDevice,
  testFleet,
  testRelease,
  type TestDevice,
} from '../server/src/devices/test-fleet.ts'
import { LogStream } from '../supervisor/src/log-stream.ts'
import { Logs } from '../supervisor/src/logs.ts'
import type { Current } from '../supervisor/src/observe.ts'
import { Platform } from '../supervisor/src/platform.ts'
import { layCable, type Cable } from './cable.ts'

const containers = ['a'.repeat(64), 'b'.repeat(64)]
const lives = 12

/** What the engine keeps of the containers: lines come at any pace, several at a time, and the clock is set back now and then. */
class Printing {
  readonly lines = new Map<string, LogLine[]>(containers.map((id) => [id, []]))
  #clock = Date.parse('2026-01-01T00:00:00Z')

  print(): void {
    if (Math.random() < 0.01) this.#clock -= 60_000
    if (Math.random() < 0.7) this.#clock += Math.floor(Math.random() * 30)
    const nanos = String(Math.floor(Math.random() * 1e6)).padStart(6, '0')
    const time = `${new Date(this.#clock).toISOString().slice(0, 23)}${nanos}Z`
    for (const [id, lines] of this.lines)
      for (let more = Math.floor(Math.random() * 4); more > 0; more--)
        lines.push({ time, text: `${id[0]} ${lines.length}`, stderr: false })
  }

  /** As the engine reads it. */
  async *read(id: string, { since, follow, signal }: LogOptions): AsyncGenerator<LogLine> {
    const lines = this.lines.get(id)!
    const earliest = since === undefined ? -Infinity : Date.parse(`${asTime(since)}Z`)
    let next = lines.findIndex(({ time }) => Date.parse(time) >= earliest)
    if (next < 0) next = lines.length
    for (;;) {
      if (next < lines.length) yield lines[next++]!
      else if (follow) await sleep(5, undefined, { signal })
      else return
    }
  }
}

const asTime = (since: string) => new Date(Math.floor(Number(since) * 1000)).toISOString().slice(0, 23)

test('no line is missing and none comes twice when supervisors die and connections break at any moment', async () => {
  await using server = await testServer({ COPAL_LOG_LINES_PER_SECOND: '100000' })
  await using second = await startServer({ ...server.ctx.config, port: server.ctx.config.port + 1 })
  const fleet = await testFleet(server)
  const { services } = await testRelease(server, fleet)
  const device = await testDevice(server, fleet)
  const ports = [server.ctx.config.port, second.ctx.config.port]
  await using cable = await layCable(() => ports[Math.floor(Math.random() * 2)]!)
  const printing = new Printing()
  const printer = setInterval(() => printing.print(), 3)
  for (let life = 1; life <= lives; life++)
    await live(cable, device, printing, services['main']!.id, {
      name: `life ${life}`,
      async end() {
        for (let cuts = Math.floor(Math.random() * 3); cuts > 0; cuts--) {
          await sleep(Math.random() * 1000)
          cable.cut(Math.random() < 0.5 ? 'answers' : 'both ways')
        }
        await sleep(Math.random() * 1500)
      },
    })
  clearInterval(printer)
  await live(cable, device, printing, services['main']!.id, {
    name: 'the last life',
    end: () =>
      eventually('all lines', async () => (await countOf(server, device)) >= all(printing).length, 30),
  })
  const stored = await storedOf(server, device)
  for (const [id, lines] of printing.lines) {
    const wanted = lines.map(({ text }) => text)
    assert.ok(wanted.length > 500, `only ${wanted.length} lines were printed`)
    assert.deepEqual(
      stored.filter((text) => text.startsWith(`${id[0]} `)),
      wanted,
    )
  }
  const ours = stored.filter((text) => text.includes('life'))
  assert.deepEqual(ours, [...new Set(ours)], "the supervisor's own lines come once")
})

/** A supervisor's life as far as logs go. It keeps nothing of the one before, and ends as with a SIGKILL. */
async function live(
  cable: Cable,
  device: TestDevice,
  printing: Printing,
  serviceId: number,
  { name, end }: { name: string; end(): Promise<void> },
): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), 'copal-logs-'))
  const platform = new Platform(cable.endpoint, device.key)
  const stream = new LogStream(platform, device.uuid)
  const logs = await Logs.open((id, options) => printing.read(id, options), stream, state)
  const stop = new AbortController()
  const running = stream.run(stop.signal)
  const says = setInterval(() => stream.say(`${name}, ${performance.now()}`), 250)
  logs.follow({ containers: containers.map((id) => containerOf(id, serviceId)) } as unknown as Current)
  await end()
  clearInterval(says)
  cable.cut('both ways')
  platform.close()
  stop.abort()
  await Promise.all([running, logs.close()])
  await rm(state, { recursive: true })
}

const containerOf = (id: string, serviceId: number) => ({
  id,
  name: id,
  serviceId,
  state: 'running',
  startedAt: 1,
  logs: 'all',
})

const all = ({ lines }: Printing) => [...lines.values()].flat()

async function storedOf({ ctx }: TestServer, device: TestDevice): Promise<string[]> {
  const rows = await ctx.db.sql<{ message: string }[]>`
    select message from device_log where device = ${device.id} order by id`
  return rows.map(({ message }) => message)
}

async function countOf({ ctx }: TestServer, device: TestDevice): Promise<number> {
  const [row] = await ctx.db.sql<{ count: number }[]>`
    select count(*)::integer as count from device_log where device = ${device.id} and not is_system`
  return row!.count
}
