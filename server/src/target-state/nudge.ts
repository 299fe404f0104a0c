// Devices on the line are told to look when something that they run by changed; all others poll. What is told is "changed",
// never what: so a nudge too many costs one question, and one too few costs the time until the regular look.
import type { Context } from '../context.ts'
import { paced } from '../line/pace.ts'
import { lines as linesOf, type Lines } from '../line/lines.ts'
import { closing } from '../line/line.ts'

/** Part of the server: hears `target` events (`{ application }` or `{ device }`) and tells the lines of this copy, not all at once. */
export function nudge(ctx: Context): Disposable {
  const lines = linesOf(ctx)
  const pace = paced((device: number) => lines.of(device)?.send({ t: 'changed' }), ctx.config.tellPerSecond)
  const fleets = new Set<number>()
  let asking = false

  async function askFleets(): Promise<void> {
    if (asking) return
    asking = true
    try {
      for (const fleet of fleets) {
        fleets.delete(fleet)
        for (const device of await connectedOf(ctx, fleet)) pace.add(device)
      }
    } finally {
      asking = false
    }
  }

  const stopHearing = ctx.events.on('target', (event) => {
    const failed = (error: unknown) =>
      ctx.log.warn(
        { err: error },
        'devices could not be told that their target changed; they look by themselves',
      )
    if (event.application !== undefined) {
      fleets.add(Number(event.application))
      askFleets().catch(failed)
    }
    if (event.device !== undefined) {
      const device = Number(event.device)
      pace.add(device)
      if (lines.of(device)) closeIfRemoved(ctx, lines, device).catch(failed)
    }
  })
  // What was said while nobody listened is not known: everybody looks.
  const stopGap = ctx.events.onGap(() => {
    if (ctx.events.listening) for (const device of lines.devices()) pace.add(device)
  })
  return {
    [Symbol.dispose]() {
      stopHearing()
      stopGap()
      pace[Symbol.dispose]()
    },
  }
}

/** The devices with a line on this copy that run by this application: their fleet, their supervisor or their host OS. */
async function connectedOf(ctx: Context, application: number): Promise<number[]> {
  const rows = await ctx.db.sql<{ device: number }[]>`
    select distinct c.device from connection c join device d on d.id = c.device
    left join application f on f.id = d.belongs_to__application
    where c.copy = ${ctx.copy} and (d.belongs_to__application = ${application} or exists (
      select from release r where r.belongs_to__application = ${application}
        and r.id in (d.should_be_managed_by__release, d.should_be_operated_by__release, f.should_be_operated_by__release)))`
  return rows.map(({ device }) => device)
}

async function closeIfRemoved(ctx: Context, lines: Lines, device: number): Promise<void> {
  const [row] = await ctx.db.sql`select from device where id = ${device}`
  if (!row) lines.of(device)?.close(closing.policy, 'this device was removed')
}
