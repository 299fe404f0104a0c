import type { Context } from '../context.ts'
import { conflict } from '../problems.ts'
import { changes } from '../devices/changes.ts'
import { batched } from '../kit/batch.ts'
import { onePer } from '../kit/one-per.ts'
import type { Chunk, Waiting } from './chunk.ts'
import { insertLines, type Stored } from './insert-lines.ts'
import { ensurePartitions } from './partitions.ts'
import { tails } from './tails.ts'

const gather = 20 // ms in which lines of several devices come together
const chunksMost = 40

/** Lines on their way into the database. They are delivered to readers on this copy, and told to others, when they are in. */
export const logWriter = onePer((ctx: Context) => {
  const batch = batched((chunks: Waiting[]) => write(ctx, chunks), { wait: gather, most: chunksMost })
  return {
    /**
     * Settles when the lines are in the database. Lines of one device keep the order in which they are added.
     * @throws Problem 409 when they are of a claimed stream that is broken; whatever the database throws
     */
    async add(chunk: Chunk): Promise<void> {
      if (!(await batch.add({ ...chunk, at: ctx.now() })))
        throw conflict('cannot take logs: this stream has ended, or another took over · claim again')
    },
    /** Chunks that wait: a measure of how far the database is behind. */
    get waiting() {
      return batch.size
    },
    [Symbol.asyncDispose]: () => batch[Symbol.asyncDispose](),
  }
})

/** Whether each chunk was stored. */
async function write(ctx: Context, all: Waiting[]): Promise<boolean[]> {
  const chunks = all.filter(({ claimed }) => !claimed?.broken)
  let stored: Stored
  try {
    stored = await insertInto(ctx, chunks)
  } catch (error) {
    ctx.log.error({ err: error }, `log lines of ${chunks.length} devices could not be stored`)
    for (const { claimed } of chunks) if (claimed) claimed.broken = true
    throw error
  }
  let next = 0
  for (const chunk of chunks) {
    const { device, at, lines, claimed } = chunk
    if (claimed && !stored.claims.has(claimed)) {
      claimed.broken = true
      continue
    }
    const from = next
    next += lines.length
    tails(ctx).deliver(device, () =>
      lines.map((line, i) => ({
        id: stored.ids[from + i]!,
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
  return all.map(({ claimed }) => !claimed?.broken)
}

async function insertInto(ctx: Context, chunks: Waiting[]): Promise<Stored> {
  try {
    return await insertLines(ctx, chunks)
  } catch (error) {
    // No partition for today: the clock made a leap.
    if ((error as { code?: string }).code !== '23514') throw error
    await ensurePartitions(ctx)
    return insertLines(ctx, chunks)
  }
}
