import type { Context } from '../context.ts'
import { watch } from '../devices/watching.ts'
import { after, asStored, byTime, newest } from './history.ts'
import { tails } from './tails.ts'
import type { Row } from './chunk.ts'

const blankEvery = 30_000 // ms; readers count on one at least every 58 s
const lookEvery = 5_000 // ms; what another copy told may have been lost
const page = 500 // lines

/**
 * A device's log as ndjson text: first history, then what comes, live on whichever copy it arrives. The reader sets the pace;
 * it is ended by `signal`. Lines of one device are taken to arrive at one copy at a time, as its stream does.
 */
export async function* follow(
  ctx: Context,
  device: number,
  { count, start }: { count: number; start: number | undefined },
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield '\n' // headers leave with the first byte
  using tail = tails(ctx).add(device)
  signal.addEventListener('abort', () => tail.ring(), { once: true })
  await using _watching = await watch(ctx, device)
  const last = start === undefined ? undefined : (await newest(ctx, device, 1, undefined))[0]
  const history = await newest(ctx, device, Math.max(1, count), start)
  let at = Math.max(last?.id ?? 0, history[0]?.id ?? 0)
  if (count > 0 && history.length > 0) yield text(history.sort(byTime))
  let saidAt = Date.now()
  let lookedAt = saidAt
  while (!signal.aborted) {
    let rows: Row[]
    if (tail.behind) {
      tail.take()
      tail.behind = false
      lookedAt = Date.now()
      rows = await after(ctx, device, at, page)
      if (rows.length === page) tail.behind = true
    } else rows = tail.take().filter(({ id }) => id > at)
    if (rows.length > 0) {
      at = rows.at(-1)!.id
      saidAt = Date.now()
      yield text(rows)
      continue
    }
    if (tail.behind) continue
    await tail.wait(lookEvery)
    tail.behind ||= Date.now() - lookedAt >= lookEvery
    if (!signal.aborted && Date.now() - saidAt >= blankEvery) {
      saidAt = Date.now()
      yield '\n'
    }
  }
}

const text = (rows: Row[]): string => rows.map((row) => `${JSON.stringify(asStored(row))}\n`).join('')
