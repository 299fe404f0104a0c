// For tests only: a database of one's own, copied from a migrated template.
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import postgres from 'postgres'
import { connect, connectionOptions, type Db } from './db.ts'
import { migrate } from './migrate.ts'

/** The URL of a fresh, migrated database, dropped on disposal; `seed` fills the template, once for all tests that name it. Needs COPAL_TEST_DATABASE_URL (`npm test` sets it). */
export async function testDatabase(
  seed?: (db: Db) => Promise<void>,
): Promise<{ url: string } & AsyncDisposable> {
  const server = process.env.COPAL_TEST_DATABASE_URL
  if (!server) throw new Error('cannot run without PostgreSQL · use `npm run test:pg -- <files>`')
  const at = (database: string) => {
    const url = new URL(server)
    url.pathname = `/${database}`
    return url.href
  }
  const admin = postgres({ ...connectionOptions(at('postgres'), 1), onnotice: () => {} })
  const template = `template_${migrationsHash()}${seed ? `_${seed.name.toLowerCase()}` : ''}`
  await admin`select pg_advisory_lock(4747)`
  const [there] = await admin`select 1 from pg_database where datname = ${template}`
  if (!there) {
    await admin.unsafe(`create database ${template}`)
    const db = connect(at(template), { connections: 1 })
    await migrate(db)
    await seed?.(db)
    await db[Symbol.asyncDispose]()
  }
  const name = `test_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`create database ${name} template ${template}`)
  await admin`select pg_advisory_unlock(4747)`
  return {
    url: at(name),
    async [Symbol.asyncDispose]() {
      await admin.unsafe(`drop database if exists ${name} with (force)`)
      await admin.end({ timeout: 1 })
    },
  }
}

function migrationsHash(): string {
  const folder = new URL('../../../migrations/', import.meta.url)
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(new URL(name, folder)))
  return hash.digest('hex').slice(0, 16)
}
