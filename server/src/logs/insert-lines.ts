import type { SentLine } from '@copal/wire/log-line.ts'
import type { Context } from '../context.ts'
import type { Claimed, Waiting } from './chunk.ts'

/** What one statement has stored. */
export interface Stored {
  /** Of the lines, in their order. */
  ids: number[]
  /** The claimed streams whose claim still holds: lines of others were passed over. */
  claims: ReadonlySet<Claimed>
}

const booleans = 1000 // PostgreSQL's name for the type boolean[]

/**
 * Lines and the places of their sources, in one statement: either all of a chunk is stored and its places say so, or nothing.
 * Rows are numbered as they come out of the ordered SELECT. Claims are locked in one order, so that two copies do not block each other.
 */
export async function insertLines(ctx: Context, chunks: Waiting[]): Promise<Stored> {
  const { sql } = ctx.db
  const claims = placesByClaim(chunks, Math.floor(ctx.now().getTime() / 1000))
  const streams = [...claims.keys()]
  const numberOf = new Map(streams.map((claimed, at) => [claimed, at + 1]))
  const column = <T>(value: (line: SentLine, chunk: Waiting) => T): T[] =>
    chunks.flatMap((chunk) => chunk.lines.map((line) => value(line, chunk)))
  const [stored] = await sql<{ ids: string[]; held: string[] }[]>`
    with asked as (
      select * from unnest(
        ${streams.map((claimed) => claims.get(claimed)!.device)}::integer[],
        ${streams.map(({ claim }) => claim)}::uuid[],
        ${streams.map((claimed) => JSON.stringify(claims.get(claimed)!.places))}::text[]
      ) with ordinality as a(device, claim, places, number)
    ), locked as materialized (
      select c.device from log_claim c join asked a on a.device = c.device and a.claim = c.claim
      order by c.device for update of c
    ), held as (
      update log_claim c set places = c.places || a.places::jsonb from asked a, locked l
      where l.device = a.device and c.device = a.device and c.claim = a.claim
      returning a.number
    ), stored as (
      insert into device_log (device, created_at, timestamp, is_system, is_stderr, service, message)
      select l.device, l.created_at, l.timestamp, l.is_system, l.is_stderr, l.service, l.message
      from unnest(
        ${column((_, { device }) => device)}::integer[],
        ${column((_, { at }) => at.toISOString())}::timestamptz[],
        ${column((line) => line.timestamp)}::double precision[],
        ${sql.array(
          column((line) => line.isSystem ?? false),
          booleans,
        )}::boolean[],
        ${sql.array(
          column((line) => line.isStdErr ?? false),
          booleans,
        )}::boolean[],
        ${column((line) => line.serviceId ?? null)}::integer[],
        ${column((line) => line.message)}::text[],
        ${column((_, { claimed }) => (claimed ? numberOf.get(claimed)! : 0))}::integer[]
      ) with ordinality as l(device, created_at, timestamp, is_system, is_stderr, service, message, stream, place)
      where l.stream = 0 or l.stream in (select number from held)
      order by l.place
      returning id
    )
    select array(select id from stored order by id) as ids, array(select number from held) as held`
  const held = stored!.held.map((number) => streams[Number(number) - 1]!)
  return { ids: stored!.ids.map(Number), claims: new Set(held) }
}

/** What the chunks of each claimed stream add to its places, as they lie in the row. */
function placesByClaim(chunks: Waiting[], at: number) {
  const byClaim = new Map<Claimed, { device: number; places: Record<string, [string, number]> }>()
  for (const { device, claimed, places } of chunks) {
    if (!claimed) continue
    const all = byClaim.get(claimed) ?? { device, places: {} }
    byClaim.set(claimed, all)
    for (const [source, place] of places ?? []) all.places[source] = [place, at]
  }
  return byClaim
}
