import type { SentLine } from '@copal/wire/log-line.ts'
import type { Context } from '../context.ts'
import { changes } from '../devices/changes.ts'
import { batched } from '../kit/batch.ts'
import { onePer } from '../kit/one-per.ts'
import { ensurePartitions } from './partitions.ts'
import { tails } from './tails.ts'

/** As it lies in `device_log`; `id` tells the order of arrival. */
export interface Row {
  id: number
  created_at: Date
  timestamp: number
  is_system: boolean
  is_stderr: boolean
  service: number | null
  message: string
}

interface Chunk {
  device: number
  at: Date
  lines: SentLine[]
}

const gather = 20 // ms in which lines of several devices come together
const chunksMost = 40
const booleans = 1000 // PostgreSQL's name for the type boolean[]

/** Lines on their way into the database. They are delivered to readers on this copy, and told to others, when they are in. */
export const logWriter = onePer((ctx: Context) => {
  const batch = batched((chunks: Chunk[]) => write(ctx, chunks), { wait: gather, most: chunksMost })
  return {
    /** Settles when the lines are in the database. Lines of one device keep the order in which they are added. */
    add: (device: number, lines: SentLine[]): Promise<void> => batch.add({ device, at: ctx.now(), lines }),
    /** Chunks that wait: a measure of how far the database is behind. */
    get waiting() {
      return batch.size
    },
    [Symbol.asyncDispose]: () => batch[Symbol.asyncDispose](),
  }
})

async function write(ctx: Context, chunks: Chunk[]): Promise<void[]> {
  let ids: number[]
  try {
    ids = await insert(ctx, chunks)
  } catch (error) {
    // No partition for today: the clock made a leap.
    if ((error as { code?: string }).code !== '23514') {
      ctx.log.error({ err: error }, `log lines of ${chunks.length} devices could not be stored`)
      throw error
    }
    await ensurePartitions(ctx)
    ids = await insert(ctx, chunks)
  }
  let next = 0
  for (const { device, at, lines } of chunks) {
    const from = next
    next += lines.length
    tails(ctx).deliver(device, () =>
      lines.map((line, i) => ({
        id: ids[from + i]!,
        created_at: at,
        timestamp: line.timestamp,
        is_system: line.isSystem ?? false,
        is_stderr: line.isStdErr ?? false,
        service: line.serviceId ?? null,
        message: line.message,
      })),
    )
    changes(ctx).mark(device, 'logs')
  }
  return chunks.map(() => undefined)
}

/** The ids in the order of the lines: rows are numbered as they come out of the ordered SELECT. */
async function insert(ctx: Context, chunks: Chunk[]): Promise<number[]> {
  const column = <T>(value: (line: SentLine, chunk: Chunk) => T): T[] =>
    chunks.flatMap((chunk) => chunk.lines.map((line) => value(line, chunk)))
  const { sql } = ctx.db
  const rows = await sql<{ id: string }[]>`
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
      ${column((line) => line.message)}::text[]
    ) with ordinality as l(device, created_at, timestamp, is_system, is_stderr, service, message, place)
    order by l.place
    returning id`
  return rows.map(({ id }) => Number(id))
}
