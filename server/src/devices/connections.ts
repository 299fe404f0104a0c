// Open lines as rows. A device is connected while any row of a living copy exists; closing removes that row only, so it
// does not matter in which order two copies notice what happened.
import type { Context } from '../context.ts'
import { batched } from '../kit/batch.ts'
import { onePer } from '../kit/one-per.ts'
import { changes } from './changes.ts'
import { livingCopies } from './queries.ts'

export interface Connection {
  id: string
  device: number
  /** The device's, as this copy sees it. */
  address: string | null
}

export interface Closed {
  id: string
  device: number
  /** The device said good-bye: it is gone now. Otherwise it has 15 s to come back before it counts as offline. */
  clean: boolean
}

/** Writes openings and closings, those of several devices together. */
export const connections = onePer((ctx: Context) => {
  const opening = batched((all: Connection[]) => open(ctx, all), { wait: 5, most: 500 })
  const closing = batched((all: Closed[]) => close(ctx, all), { wait: 5, most: 500 })
  return {
    open: (connection: Connection) => opening.add(connection),
    close: (closed: Closed) => closing.add(closed),
    async [Symbol.asyncDispose]() {
      await opening[Symbol.asyncDispose]()
      await closing[Symbol.asyncDispose]()
    },
  }
})

async function open(ctx: Context, all: Connection[]): Promise<void[]> {
  const now = ctx.now()
  await ctx.db.transaction(async ({ sql }) => {
    const rows = await sql<{ id: number }[]>`
      select id from device where id = any(${all.map(({ device }) => device)}) order by id for no key update`
    const there = new Set(rows.map(({ id }) => id))
    const known = all.filter(({ device }) => there.has(device))
    if (known.length === 0) return
    await sql`
      insert into connection (id, device, copy, since, address)
      select c.id, c.device, ${ctx.copy}, ${now}, c.address
      from unnest(${known.map(({ id }) => id)}::uuid[], ${known.map(({ device }) => device)}::integer[],
        ${known.map(({ address }) => address)}::text[]) as c(id, device, address)
      on conflict do nothing`
    await sql`delete from device_heartbeat where device = any(${[...there]})`
    await sql`
      update device d set is_connected_to_vpn = true, last_vpn_event = ${now}, is_online = true,
        last_connectivity_event = ${now}, api_heartbeat_state = 'online',
        changed_api_heartbeat_state_on__date =
          case when d.api_heartbeat_state = 'online' then d.changed_api_heartbeat_state_on__date else ${now}::timestamptz end,
        public_address = coalesce(c.address, d.public_address)
      from unnest(${known.map(({ device }) => device)}::integer[], ${known.map(({ address }) => address)}::text[])
        as c(device, address)
      where d.id = c.device`
  })
  for (const { device } of all) changes(ctx).mark(device, 'state')
  return all.map(() => undefined)
}

async function close(ctx: Context, all: Closed[]): Promise<void[]> {
  const now = ctx.now()
  await ctx.db.transaction(async ({ sql }) => {
    // The lock comes first: what follows then sees what another copy wrote about the same devices.
    await sql`select from device where id = any(${all.map(({ device }) => device)}) order by id for no key update`
    await sql`delete from connection where id = any(${all.map(({ id }) => id)}::uuid[])`
    const gone = await sql<{ id: number }[]>`
      update device d set is_connected_to_vpn = false, last_vpn_event = ${now}, is_online = false,
        last_connectivity_event = ${now}, changed_api_heartbeat_state_on__date = ${now},
        api_heartbeat_state = case when d.id = any(${all.filter(({ clean }) => clean).map(({ device }) => device)}::integer[])
          then 'offline' else 'timeout' end
      where d.id = any(${all.map(({ device }) => device)}) and d.is_connected_to_vpn
        and not exists (select from connection c where c.device = d.id and c.copy in ${livingCopies(sql)})
      returning d.id`
    await sql`
      insert into device_heartbeat (device, due_at)
      select d.id, ${now} from device d where d.id = any(${gone.map(({ id }) => id)}) and d.api_heartbeat_state = 'timeout'
      on conflict (device) do update set due_at = excluded.due_at`
  })
  for (const { device } of all) changes(ctx).mark(device, 'state')
  return all.map(() => undefined)
}

/** Closes what copies left behind that died without a word. */
export async function sweepDeadConnections(ctx: Context): Promise<void> {
  const dead = await ctx.db.sql<{ id: string; device: number }[]>`
    select id, device from connection where copy not in ${livingCopies(ctx.db.sql)} limit 5000`
  if (dead.length > 0)
    await close(
      ctx,
      dead.map((row) => ({ ...row, clean: false })),
    )
}
