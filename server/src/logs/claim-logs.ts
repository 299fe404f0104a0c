import type { LogClaim } from '@copal/wire/log-line.ts'
import type { Context } from '../context.ts'

/** Sources that are remembered: many times what runs on a device. Those whose last line is the oldest go first. */
const sourcesMost = 200

/**
 * The device is about to send logs: from now on only streams with this claim are stored, so what it is told of its places stays true
 * until it sends. What an older stream has still on its way is not stored; the device sends it again.
 */
export async function claimLogs(ctx: Context, device: number): Promise<LogClaim> {
  const [row] = await ctx.db.sql<{ claim: string; places: Record<string, [string, number]> }[]>`
    insert into log_claim as held (device, claim, places) values (${device}, gen_random_uuid(), '{}')
    on conflict (device) do update set claim = excluded.claim, places = (
      select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(held.places) order by (value ->> 1)::bigint desc limit ${sourcesMost}
      ) newest)
    returning claim, places`
  const places = Object.entries(row!.places).map(([source, [place]]) => [source, place])
  return { claim: row!.claim, places: Object.fromEntries(places) }
}
