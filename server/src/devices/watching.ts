// Who is watched: a device whose log somebody follows, or whose page is open, on any copy. Only its changes are told.
import { randomUUID } from 'node:crypto'
import type { Context } from '../context.ts'
import { onePer } from '../kit/one-per.ts'
import { livingCopies } from './queries.ts'

/** Watches a device until disposed. When it returns, other copies have been told. */
export async function watch(ctx: Context, device: number): Promise<AsyncDisposable> {
  const id = randomUUID()
  await ctx.db.transaction(async (tx) => {
    await tx.sql`insert into watch (id, device, copy) values (${id}, ${device}, ${ctx.copy})`
    await tx.changed('watch', { device })
  })
  watched(ctx).add(device)
  return {
    async [Symbol.asyncDispose]() {
      await ctx.db.transaction(async (tx) => {
        await tx.sql`delete from watch where id = ${id}`
        await tx.changed('watch', { device })
      })
    },
  }
}

/** The devices that somebody watches, as this copy knows it: read again whenever a watch begins or ends. */
export const watched = onePer((ctx: Context): Set<number> => {
  const devices = new Set<number>()
  let reading: Promise<void> | undefined
  let stale = false
  const read = () => {
    stale = true
    reading ??= (async () => {
      while (stale) {
        stale = false
        const rows = await ctx.db.sql<{ device: number }[]>`
          select distinct device from watch where copy in ${livingCopies(ctx.db.sql)}`
        devices.clear()
        for (const { device } of rows) devices.add(device)
      }
    })()
      .catch((error) => ctx.log.warn({ err: error }, 'who is watched could not be read'))
      .finally(() => (reading = undefined))
  }
  ctx.events.on('watch', read)
  ctx.events.onGap(read)
  read()
  return devices
})
