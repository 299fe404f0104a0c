import type { Context } from '../context.ts'
import type { Query } from '../kit/db/db.ts'

/** The id of the repository of this name, made where it is missing: a repository is no more than a name that was pushed to. */
export async function ensureRepository(ctx: Context, name: string): Promise<number> {
  const found = await findRepository(ctx.db.sql, name)
  if (found !== undefined) return found
  await ctx.db
    .sql`insert into repository (name, created_at) values (${name}, ${ctx.now()}) on conflict do nothing`
  return (await findRepository(ctx.db.sql, name))!
}

export async function findRepository(sql: Query, name: string): Promise<number | undefined> {
  const [row] = await (sql as Context['db']['sql'])<
    { id: number }[]
  >`select id from repository where name = ${name}`
  return row?.id
}
