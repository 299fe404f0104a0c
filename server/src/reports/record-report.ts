import type { DeviceReport } from '@copal/wire/state-report.ts'
import type { Context } from '../context.ts'
import { changes } from '../devices/changes.ts'
import { batched } from '../kit/batch.ts'
import { onePer } from '../kit/one-per.ts'
import { conflict, unauthorized } from '../problems.ts'
import { differenceOf, mentionedIn } from './difference.ts'
import { known, type Reporter } from './queries.ts'
import { writeReports, type Write } from './write-reports.ts'

const gather = 4 // ms in which reports of several devices come together into one transaction
const triesMost = 5

/**
 * Takes in what a device says of itself: one statement reads and proves, one writes, and the promise settles after the
 * commit. Reports of one device are taken one after the other. `address` is where it came from.
 */
export function recordReport(
  ctx: Context,
  reporter: Reporter,
  report: DeviceReport,
  address: string | undefined,
): Promise<void> {
  const { lines } = reports(ctx)
  const before = lines.get(reporter.uuid) ?? Promise.resolve()
  const mine = before.then(
    () => record(ctx, reporter, report, address),
    () => record(ctx, reporter, report, address),
  )
  lines.set(reporter.uuid, mine)
  const leave = () => lines.get(reporter.uuid) === mine && lines.delete(reporter.uuid)
  mine.then(leave, leave)
  return mine
}

/** Reports under way on this copy: the queue of each device, and the batch that all share. */
export const reports = onePer((ctx: Context) => {
  const batch = batched((writes: Write[]) => writeTogether(ctx, writes), { wait: gather, most: 100 })
  return {
    lines: new Map<string, Promise<void>>(),
    batch,
    [Symbol.asyncDispose]: () => batch[Symbol.asyncDispose](),
  }
})

async function record(
  ctx: Context,
  reporter: Reporter,
  report: DeviceReport,
  address: string | undefined,
): Promise<void> {
  const mentioned = mentionedIn(report)
  for (let tries = 0; tries < triesMost; tries++) {
    const device = await known(ctx, reporter, mentioned)
    if (!device)
      throw unauthorized(
        `cannot take a report of device ${reporter.uuid}: it is unknown, or this is not its key`,
      )
    const difference = differenceOf(device, report, address)
    if (!difference.device && !difference.metrics && difference.installs.length === 0) return
    const written = await reports(ctx).batch.add({
      device: device.id,
      version: device.report_version,
      difference,
    })
    if (written instanceof Error) throw written
    if (written) return changes(ctx).mark(device.id, 'state')
  }
  throw conflict(`cannot take a report of device ${reporter.uuid}: it kept changing · send it again`)
}

/** When the batch fails each report is tried alone, so that one that can't be written costs only itself. */
async function writeTogether(ctx: Context, writes: Write[]): Promise<(boolean | Error)[]> {
  try {
    return await writeReports(ctx, writes)
  } catch (error) {
    if (writes.length === 1) return [error as Error]
    const results: (boolean | Error)[] = []
    for (const write of writes)
      results.push(
        await writeReports(ctx, [write]).then(
          ([done]) => done!,
          (fault: Error) => fault,
        ),
      )
    return results
  }
}
