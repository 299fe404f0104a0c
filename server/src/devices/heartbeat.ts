// Whether a device that polls is there: a look at its target counts as heartbeat. `unknown → online` at the first look,
// `online → timeout` when the next one is late (1.5 intervals), `timeout → offline` 15 s later.
import type { Context } from '../context.ts'
import { batched } from '../kit/batch.ts'
import { onePer } from '../kit/one-per.ts'
import { changes } from './changes.ts'
import { sweepDeadConnections } from './connections.ts'

const sweepEvery = 5_000 // ms
const patience = 1.5

interface Heartbeats extends AsyncDisposable {
  /** The device looked, and looks again after `interval` ms. Written with those of other devices, a moment later. */
  seen(device: number, interval: number): void
}

export const heartbeats = onePer((ctx: Context): Heartbeats => {
  const batch = batched((seen: Seen[]) => write(ctx, seen), { wait: 200, most: 1000 })
  return {
    seen(device, interval) {
      const due = new Date(ctx.now().getTime() + interval * patience)
      batch
        .add({ device, due })
        .catch((error) =>
          ctx.log.warn({ err: error }, 'heartbeats could not be written; the next look counts'),
        )
    },
    [Symbol.asyncDispose]: () => batch[Symbol.asyncDispose](),
  }
})

/** Part of the server: writes heartbeats, and finds those that stay out and the connections of copies that died. */
export function keepHeartbeats(ctx: Context): AsyncDisposable {
  const sweep = async () => {
    await sweepDeadConnections(ctx)
    await sweepLate(ctx)
    await ctx.db
      .sql`delete from target_change where changed_at < ${ctx.now()}::timestamptz - interval '1 hour'`
    await ctx.db.sql`delete from watch where copy not in (select id from copy where lease_until > now())`
  }
  const timer = setInterval(
    () => void sweep().catch((error) => ctx.log.warn({ err: error }, 'late devices could not be found')),
    sweepEvery,
  )
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await heartbeats(ctx)[Symbol.asyncDispose]()
    },
  }
}

interface Seen {
  device: number
  due: Date
}

async function write(ctx: Context, all: Seen[]): Promise<void[]> {
  const seen = [...new Map(all.map((one) => [one.device, one])).values()]
  const now = ctx.now()
  const rows = await ctx.db.sql<{ id: number }[]>`
    with seen as (
      select d.id as device, s.due_at, d.is_connected_to_vpn as connected
      from unnest(${seen.map((one) => one.device)}::integer[], ${seen.map((one) => one.due.toISOString())}::timestamptz[])
        as s(device, due_at)
      join device d on d.id = s.device
      order by d.id for no key update of d
    ), kept as (
      insert into device_heartbeat (device, due_at) select device, due_at from seen where not connected
      on conflict (device) do update set due_at = excluded.due_at
    )
    update device d set api_heartbeat_state = 'online', changed_api_heartbeat_state_on__date = ${now}, is_online = true,
      last_connectivity_event = case when d.is_online then d.last_connectivity_event else ${now}::timestamptz end
    from seen where d.id = seen.device and d.api_heartbeat_state <> 'online'
    returning d.id`
  for (const { id } of rows) changes(ctx).mark(id, 'state')
  return all.map(() => undefined)
}

/** Moves on those whose look is overdue. Every copy does this; doing it twice changes nothing. */
export async function sweepLate(ctx: Context): Promise<void> {
  const now = ctx.now()
  const rows = await ctx.db.sql<{ id: number }[]>`
    with late as (
      select d.id, case when h.due_at < ${now}::timestamptz - interval '15 seconds' then 'offline' else 'timeout' end as state
      from device_heartbeat h join device d on d.id = h.device
      where h.due_at < ${now} and not d.is_connected_to_vpn
      order by d.id for no key update of d
    ), done as (
      delete from device_heartbeat where device in (select id from late where state = 'offline')
    )
    update device d set api_heartbeat_state = late.state, changed_api_heartbeat_state_on__date = ${now}, is_online = false,
      last_connectivity_event = case when d.is_online then ${now} else d.last_connectivity_event end
    from late where d.id = late.id and d.api_heartbeat_state <> late.state
    returning d.id`
  for (const { id } of rows) changes(ctx).mark(id, 'state')
}
