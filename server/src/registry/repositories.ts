import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'

/**
 * The id of the repository of this name, made where it is missing: a repository is no more than a name that was pushed to.
 * Until the transaction ends it stays, and nothing in it is collected.
 */
export async function holdRepository(ctx: Context, { sql }: Tx, name: string): Promise<number> {
  for (;;) {
    const [found] = await sql<{ id: number }[]>`select id from repository where name = ${name} for key share`
    if (found) return found.id
    await sql`insert into repository (name, created_at) values (${name}, ${ctx.now()}) on conflict do nothing`
  }
}
