import type { Context } from './context.ts'

const leaseSeconds = 30

/** Keeps this copy's lease in the database alive. What other rows say of a copy counts only while its lease lives. */
export async function keepLease(ctx: Context): Promise<AsyncDisposable> {
  const renew = () => ctx.db.sql`
    insert into copy (id, lease_until) values (${ctx.copy}, now() + ${leaseSeconds + ' seconds'}::interval)
    on conflict (id) do update set lease_until = excluded.lease_until`
  await renew()
  const timer = setInterval(
    () => {
      renew().catch((error) => ctx.log.warn({ err: error }, 'the lease could not be renewed; trying again'))
    },
    (leaseSeconds * 1000) / 3,
  )
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await ctx.db.sql`delete from copy where id = ${ctx.copy} or lease_until < now() - interval '1 day'`
    },
  }
}
