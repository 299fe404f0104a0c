// What the platform and a supervisor hold of the machine's memory when nothing happens. Linux tells it in
// /proc/<pid>/smaps_rollup: resident (with what is shared), proportional (what is shared counts by its share), private.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPlatform } from '../../e2e/platform.ts'
import { smallApp, untilAnswers } from '../../e2e/small-app.ts'
import { family } from './processes.ts'

export interface Memory {
  processes: number
  /** Bytes. */
  resident: number
  proportional: number
  private: number
}

export interface Budget {
  /** What it is about, in words. */
  says: string
  of: keyof Footprint
  measure: 'resident' | 'proportional' | 'private'
  /** Bytes. */
  most: number
}

export interface Footprint {
  server: Memory
  database: Memory
  supervisor: Memory
}

const MB = 1024 * 1024
const fleet = 'admin/bench-footprint'

export const budgets: Budget[] = [
  { says: 'server, resident', of: 'server', measure: 'resident', most: 150 * MB },
  { says: 'database, its fair share of all pages', of: 'database', measure: 'proportional', most: 80 * MB },
  { says: 'supervisor, resident', of: 'supervisor', measure: 'resident', most: 60 * MB },
  { says: 'supervisor, private', of: 'supervisor', measure: 'private', most: 20 * MB },
]

/** A platform after one push, and its one device, once they have idled. @param idle ms */
export async function benchFootprint(idle: number, say: (line: string) => void): Promise<Footprint> {
  say('starting a platform and a virtual device, and pushing once …')
  await using platform = await startPlatform()
  await platform.copal('fleet', 'create', 'bench-footprint')
  const device = await platform.addDevice(fleet)
  const project = await platform.project(smallApp('first'))
  const pushed = await project.push(fleet)
  if (pushed.code !== 0) throw new Error(`the push failed:\n${pushed.stderr}`)
  await untilAnswers(device, 'first')
  // A device that has just updated is not idle, and neither is a server that has just built.
  await platform.stop()
  await platform.start()
  await platform.answers()
  say(`idling for ${idle / 1000} s …`)
  await sleep(idle)
  return {
    server: await memoryOf([await platform.serverPid()]),
    database: await memoryOf(await family(await platform.databasePid())),
    supervisor: await memoryOf([await device.supervisorPid()]),
  }
}

async function memoryOf(pids: number[]): Promise<Memory> {
  const sum: Memory = { processes: pids.length, resident: 0, proportional: 0, private: 0 }
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
    const bytes = (field: string) => Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1]) * 1024
    sum.resident += bytes('Rss')
    sum.proportional += bytes('Pss')
    // Clean pages are the runtime's own files: dropped and read again at will, and shared by all who run the same Node.js.
    sum.private += bytes('Private_Dirty')
  }
  return sum
}
