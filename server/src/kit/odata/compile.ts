// From a tree to one SQL statement. Pure. The text depends on the shape of the request and the kind of asker only; what
// they said is binds. Names are looked up in the model, so nothing of the request's text reaches the SQL.
import { badRequest } from '../../problems.ts'
import { Statement, type Plan, type Row } from './statement.ts'
import { compileExpression } from './compile-expression.ts'
import {
  columnSql,
  isOne,
  quote,
  type Field,
  type Model,
  type One,
  type Resource,
  type Scope,
} from './resource.ts'
import type { Expand, KeyPart, Options, Query } from './tree.ts'

/** One row with one text, `d`: the JSON array of the rows that were asked for. */
export function compileRead(model: Model, resource: Resource, query: Query, scope: Scope): Plan {
  const statement = new Statement(model, scope)
  const row = statement.row(resource)
  const { options } = query
  const conditions = [statement.visible(row), ...keyConditions(statement, row, query.key)]
  const deep = options.skip !== undefined
  const page = pageOf(statement, row, options, conditions, deep ? 'id' : '*')
  const list = selectList(statement, row, options)
  if (deep) {
    // Ids first: what is skipped is read from an index where there is one, and never as whole rows.
    const all = `select id, row_number() over () as n from (${page}) p`
    return statement.plan(
      `select '[' || coalesce(string_agg(row_to_json(o)::text, ',' order by p.n), '') || ']' as d
       from (${all}) p join ${resource.from} ${row.alias} on ${row.alias}.id = p.id cross join lateral (select ${list}) o`,
    )
  }
  // The page has its own order and limit, and the outer query has neither joins nor sorting: rows arrive in the page's order.
  return statement.plan(
    `select '[' || coalesce(string_agg(row_to_json(o)::text, ','), '') || ']' as d
     from (select ${list} from (${page}) ${row.alias}) o`,
  )
}

/** One row with one number, `d`. */
export function compileCount(model: Model, resource: Resource, query: Query, scope: Scope): Plan {
  const statement = new Statement(model, scope)
  const row = statement.row(resource)
  const conditions = [statement.visible(row), ...keyConditions(statement, row, query.key)]
  if (query.options.filter) conditions.push(condition(statement, row, query.options))
  return statement.plan(
    `select count(*)::integer as d from ${resource.from} ${row.alias} where ${conditions.join(' and ')}`,
  )
}

/** The rows that a PATCH or DELETE names: `id`, and whether the asker `may`. */
export function compileTargets(
  model: Model,
  resource: Resource,
  query: Query,
  scope: Scope,
  verb: 'update' | 'remove',
): Plan {
  const statement = new Statement(model, scope)
  const row = statement.row(resource)
  const conditions = [statement.visible(row), ...keyConditions(statement, row, query.key)]
  if (query.options.filter) conditions.push(condition(statement, row, query.options))
  return statement.plan(
    `select ${row.alias}.id, coalesce(${statement.changeable(row, verb)}, false) as may
     from ${resource.from} ${row.alias} where ${conditions.join(' and ')} order by ${row.alias}.id`,
  )
}

/** Whether the row `values[0]` is visible, and whether the asker `may` change it. No row: it is not there for them. */
export function compileLinked(model: Model, resource: Resource, scope: Scope): Plan {
  const query: Query = {
    resource: resource.name,
    key: [{ field: 'id', value: { is: 'value', type: 'integer', at: 0 } }],
    count: false,
    options: {},
    values: [],
    parameters: {},
  }
  return compileTargets(model, resource, query, scope, 'update')
}

/** Only the rows of the page, as columns: what is computed or expanded is worked out for these and no others. */
function pageOf(
  statement: Statement,
  row: Row,
  options: Options,
  conditions: string[],
  columns: 'id' | '*' = '*',
): string {
  if (options.filter) conditions.push(condition(statement, row, options))
  const orders = (options.orderby ?? []).map(({ by, descending }) => {
    const { sql, type } = compileExpression(statement, { it: row }, by)
    if (type === 'json') throw badRequest('cannot order by a JSON field')
    return descending ? `${sql} desc` : sql
  })
  let sql = `select ${row.alias}.${columns} from ${row.resource.from} ${row.alias} where ${conditions.join(' and ')}`
  sql += ` order by ${[...orders, `${row.alias}.id`].join(', ')}` // by id at last: pages neither overlap nor miss
  if (options.top !== undefined) sql += ` limit ${options.top}`
  if (options.skip !== undefined) sql += ` offset ${statement.value('integer', options.skip)}`
  return sql
}

function condition(statement: Statement, row: Row, { filter }: Options): string {
  const { sql, type } = compileExpression(statement, { it: row }, filter!)
  if (type !== 'boolean' && type !== 'null')
    throw badRequest('cannot filter by something that is neither true nor false')
  return `(${sql})`
}

function keyConditions(statement: Statement, row: Row, key: KeyPart[] | undefined): string[] {
  if (!key) return []
  const { resource } = row
  const names = key.map((part) => part.field)
  if (
    !resource.keys.some((each) => each.length === names.length && each.every((name, i) => name === names[i]))
  )
    throw badRequest(`cannot find a ${resource.name} by ${names.join(' and ')}: that is no key of it`)
  return key.map(({ field, value }) => {
    const left = { is: 'path' as const, steps: [field] }
    return compileExpression(statement, { it: row }, { is: 'operation', operator: 'eq', left, right: value })
      .sql
  })
}

function selectList(statement: Statement, row: Row, options: Options): string {
  const { resource } = row
  const expands = new Map((options.expand ?? []).map((expand) => [expand.link, expand]))
  const columns: string[] = []
  for (const name of selected(statement, resource, options)) {
    if (expands.has(name)) continue
    columns.push(`${outputSql(row, name)} as ${quote(name)}`)
  }
  for (const expand of expands.values())
    columns.push(`${expandSql(statement, row, expand)} as ${quote(expand.link)}`)
  return columns.join(', ')
}

function selected(statement: Statement, resource: Resource, { select }: Options): Iterable<string> {
  if (select && !select.includes('*')) {
    for (const name of select) {
      const link = resource.links[name]
      if (!statement.mayRead(resource, name) || (link ? !isOne(link) : !resource.fields[name]))
        throw statement.unknown(resource, name)
    }
    return new Set(select)
  }
  const ones = Object.entries(resource.links).filter(([, link]) => isOne(link))
  return [...Object.keys(resource.fields), ...ones.map(([name]) => name)].filter((name) =>
    statement.mayRead(resource, name),
  )
}

function outputSql(row: Row, name: string): string {
  const field = row.resource.fields[name]
  if (!field) {
    const id = columnSql(name, row.resource.links[name] as One, row.alias)
    return `case when ${id} is not null then json_build_object('__id', ${id}) end`
  }
  return asOutput(field, columnSql(name, field, row.alias))
}

function asOutput(field: Field, sql: string): string {
  if (field.type === 'date') return `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
  return field.type === 'bigint' ? `${sql}::text` : sql
}

function expandSql(statement: Statement, row: Row, { link, count, options }: Expand): string {
  const { row: other, join } = statement.follow(row, link)
  if (count) {
    const conditions = options.filter ? [join, condition(statement, other, options)] : [join]
    return `(select count(*)::integer from ${other.resource.from} ${other.alias} where ${conditions.join(' and ')})`
  }
  const page = pageOf(statement, other, options, [join])
  const list = selectList(statement, other, options)
  const object = statement.alias()
  return `(select coalesce(json_agg(row_to_json(${object})), '[]'::json) from (select ${list} from (${page}) ${other.alias}) ${object})`
}
