// What the database refuses, in the words of the wire.
import postgres from 'postgres'
import { Problem, badRequest, conflict } from '../../problems.ts'
import type { Sql } from '../db/db.ts'

/** The Problem behind a database error on a write to (or a read of) `table`; undefined where it is our own fault. */
export async function faultOf(sql: Sql, error: unknown, table: string): Promise<Problem | undefined> {
  if (!(error instanceof postgres.PostgresError)) return undefined
  const constraint = error.constraint_name ?? ''
  switch (error.code) {
    case '23505': {
      const fields = await fieldsOfIndex(sql, constraint)
      return conflict(
        fields.length > 0
          ? `${fields.map((field) => `"${field}"`).join(' and ')} must be unique.`
          : 'Unique key constraint violated',
      )
    }
    case '23503': {
      // Raised for the table that holds the reference: ours when we wrote it, another's when ours was to go.
      const here = error.table_name === table
      const [field] = here ? await fieldsOfConstraint(sql, constraint) : []
      return conflict(`Data is referenced by ${field ?? error.table_name}.`)
    }
    case '23514': {
      const fields = await fieldsOfConstraint(sql, constraint)
      return badRequest(
        `cannot use ${fields.join(' and ') || 'the values'}: what is given is not allowed there`,
      )
    }
    case '23502':
      return badRequest(`cannot set ${error.column_name} to nothing`)
    case '57014':
      return new Problem(503, 'too_slow', 'cannot answer: the query takes too long · ask for less at once')
  }
  // Class 22: data that can't be worked with, such as a division by zero or a number out of range.
  return error.code.startsWith('22') ? badRequest(`cannot work with a value: ${error.message}`) : undefined
}

async function fieldsOfIndex(sql: Sql, index: string): Promise<string[]> {
  const rows = await sql<{ field: string }[]>`
    select pg_get_indexdef(i.indexrelid, n, true) as field
    from pg_index i, generate_series(1, i.indnkeyatts) n
    where i.indexrelid = to_regclass(quote_ident(${index})) order by n`
  return rows.map(({ field }) => field.replace(/^\w+\((.*)\)$/, '$1').replaceAll('"', ''))
}

async function fieldsOfConstraint(sql: Sql, name: string): Promise<string[]> {
  const rows = await sql<{ field: string }[]>`
    select distinct a.attname as field from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
    where c.conname = ${name}`
  return rows.map(({ field }) => field)
}
