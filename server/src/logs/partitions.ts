// One partition of `device_log` a day: made ahead, dropped whole when its days are over.
import type { Context } from '../context.ts'

const day = 24 * 3600_000
const hour = 3600_000
const ahead = 3 // days

const nameOf = (at: number) => `device_log_${new Date(at).toISOString().slice(0, 10).replaceAll('-', '')}`

/** Makes the partitions of today and the next days. Copies take turns; doing it twice is nothing. */
export async function ensurePartitions(ctx: Context): Promise<void> {
  const today = Math.floor(ctx.now().getTime() / day) * day
  await ctx.db.holding('copal device log partitions', async () => {
    for (let at = today - day; at <= today + ahead * day; at += day) {
      const [from, to] = [new Date(at).toISOString(), new Date(at + day).toISOString()]
      await ctx.db.sql.unsafe(
        `create table if not exists ${nameOf(at)} partition of device_log for values from ('${from}') to ('${to}')`,
      )
    }
  })
}

/** Drops the days that are older than the setting says. Returns their names. */
export async function dropOldPartitions(ctx: Context): Promise<string[]> {
  const oldest = nameOf(ctx.now().getTime() - ctx.config.deviceLogs.days * day)
  const rows = await ctx.db.sql<{ name: string }[]>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'device_log'::regclass and c.relname < ${oldest} order by 1`
  for (const { name } of rows) await ctx.db.sql.unsafe(`drop table if exists "${name}"`)
  return rows.map(({ name }) => name)
}

/** Part of the server: sees to it every hour. */
export async function keepPartitions(ctx: Context): Promise<Disposable> {
  await ensurePartitions(ctx)
  const timer = setInterval(() => {
    ensurePartitions(ctx)
      .then(() => dropOldPartitions(ctx))
      .catch((error) =>
        ctx.log.error({ err: error }, 'the partitions of device logs could not be made or dropped'),
      )
  }, hour)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
