import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'

const lookEvery = 300 // ms
const keepAliveEvery = 25_000

/**
 * A build's log from its first line on, whichever copy runs it: `{"line":"…"}` for each, an empty object now and then to
 * keep the connection, and `{"status":"success"}` (or how else it ended) as the last.
 */
export async function* followBuild(ctx: Context, build: number, signal: AbortSignal): AsyncGenerator<string> {
  let next = 0
  let quietSince = Date.now()
  let sent = 0 // characters
  while (!signal.aborted) {
    // Rows of the log go in the transaction that ends the build, so one look sees either all of them or the end.
    const [row] = await ctx.db.sql<
      { status: string; ended: string | null; pieces: { number: number; lines: string }[] }[]
    >`
      select b.status, case when b.status not in ('waiting', 'running') then r.build_log end as ended,
        (select coalesce(json_agg(json_build_object('number', number, 'lines', lines) order by number), '[]')
          from build_log where build = b.id and number >= ${next}) as pieces
      from build b left join release r on r.id = b.release where b.id = ${build}`
    if (!row) return
    const fresh = row.ended === null ? row.pieces.map(({ lines }) => lines).join('') : row.ended.slice(sent)
    next = (row.pieces.at(-1)?.number ?? next - 1) + 1
    sent += fresh.length
    for (const line of fresh.split('\n').slice(0, -1)) yield `${JSON.stringify({ line })}\n`
    if (row.status !== 'waiting' && row.status !== 'running') {
      yield `${JSON.stringify({ status: row.status })}\n`
      return
    }
    if (fresh !== '') quietSince = Date.now()
    else if (Date.now() - quietSince > keepAliveEvery) {
      quietSince = Date.now()
      yield '{}\n'
    }
    await sleep(lookEvery, undefined, { signal }).catch(() => {})
  }
}
