// Busy paths (reports, logs, connections) never notify in their transaction, which would take a lock on the whole database
// at its commit. They mark here what changed; one notification for all of it goes out at most twenty times a second.
import type { Context } from '../context.ts'
import { onePer } from '../kit/one-per.ts'
import { watched } from './watching.ts'

const between = 50 // ms
const idsInOne = 700 // a notification holds 8000 bytes

interface Changes {
  /** Something of this device changed (`state`), or its log has new lines (`logs`). Told only while somebody watches it. */
  mark(device: number, what: 'state' | 'logs'): void
}

/** Heard as topic `device`: `{ copy, state: '1,2', logs: '3' }`, ids of devices. */
export const changes = onePer((ctx: Context): Changes => {
  const marks = { state: new Set<number>(), logs: new Set<number>() }
  const watching = watched(ctx)
  let timer: NodeJS.Timeout | undefined

  const take = (set: Set<number>) => {
    const ids = [...set].slice(0, idsInOne / 2)
    for (const id of ids) set.delete(id)
    return ids.join()
  }
  const tell = () => {
    timer = undefined
    const event = { topic: 'device', copy: ctx.copy, state: take(marks.state), logs: take(marks.logs) }
    ctx.db.sql`select pg_notify('copal', ${JSON.stringify(event)})`.catch((error) =>
      ctx.log.warn({ err: error }, 'a change of devices could not be told; watchers see it later'),
    )
    if (marks.state.size + marks.logs.size > 0) later()
  }
  const later = () => {
    timer ??= setTimeout(tell, between)
    timer.unref()
  }
  return {
    mark(device, what) {
      if (!watching.has(device)) return
      marks[what].add(device)
      later()
    },
  }
})

/** The ids in one field of a `device` event. */
export const idsOf = (list: unknown): number[] => (list ? String(list).split(',').map(Number) : [])
