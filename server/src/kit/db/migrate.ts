import { readdir, readFile } from 'node:fs/promises'
import type { Db } from './db.ts'

const folder = new URL('../../../migrations/', import.meta.url)

/** Brings the database to the newest numbered migration, one transaction for each. Copies that start together take turns. */
export async function migrate(db: Db): Promise<string[]> {
  return db.holding('copal migrations', async () => {
    await db.sql`create table if not exists migration (name text primary key, applied_at timestamptz not null default now())`
    const applied = new Set(
      (await db.sql<{ name: string }[]>`select name from migration`).map((row) => row.name),
    )
    const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
    const fresh = files.filter((name) => !applied.has(name))
    for (const name of fresh) {
      const text = await readFile(new URL(name, folder), 'utf8')
      await db.transaction(async ({ sql }) => {
        await sql`set local statement_timeout = 0` // a new index on a large table takes its time
        await sql.unsafe(text)
        await sql`insert into migration (name) values (${name})`
      })
    }
    return fresh
  })
}
