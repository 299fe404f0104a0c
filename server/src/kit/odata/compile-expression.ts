// Expressions of `$filter` and `$orderby` as SQL. Types are checked here, so that a wrong one is the asker's fault (400) and
// not the database's.
import { badRequest } from '../../problems.ts'
import { functions, optional, type Type } from './functions.ts'
import { columnSql, isOne } from './resource.ts'
import type { Row, Statement } from './statement.ts'
import type { Expression, Operator } from './tree.ts'

export interface Typed {
  sql: string
  type: Type
}

/** What names stand for: `it` is the row that is asked about, the others are variables of lambdas. */
export type Names = Record<string, Row>

export function compileExpression(statement: Statement, names: Names, expression: Expression): Typed {
  const inner = (of: Expression) => compileExpression(statement, names, of)
  switch (expression.is) {
    case 'null':
      return { sql: 'null', type: 'null' }
    case 'boolean':
      return { sql: String(expression.value), type: 'boolean' }
    case 'value':
      return { sql: statement.value(expression.type, expression.at), type: expression.type }
    case 'list':
      throw badRequest('cannot use a list except after "in"')
    case 'path':
      return path(statement, names, expression.steps)
    case 'count':
      return { sql: count(statement, names, expression), type: 'integer' }
    case 'lambda':
      return { sql: lambda(statement, names, expression), type: 'boolean' }
    case 'call':
      return call(expression.name, expression.args.map(inner))
    case 'operation':
      return operation(expression.operator, inner(expression.left), inner(expression.right))
    case 'in':
      return within(statement, inner(expression.left), expression.list)
    case 'not': {
      const { sql, type } = inner(expression.of)
      mustBe('boolean', type, 'not')
      return { sql: `(${sql}) is not true`, type: 'boolean' } // what is compared with nothing is false, and its opposite true
    }
  }
}

/** The row that a path begins at, and the steps that are left. */
function start(names: Names, steps: string[]): { row: Row; rest: string[] } {
  const [first, ...rest] = steps
  if (first === '$it') return { row: names.it!, rest }
  const named = steps.length > 1 && first !== 'it' && Object.hasOwn(names, first!) ? names[first!] : undefined
  return named ? { row: named, rest } : { row: names.it!, rest: steps }
}

function path(statement: Statement, names: Names, steps: string[]): Typed {
  const { row, rest } = start(names, steps)
  return valueAt(statement, row, rest)
}

/** A field of the row, the id in a link of it, or the same of a row that a link leads to. */
function valueAt(statement: Statement, row: Row, [name = '', ...rest]: string[]): Typed {
  const { resource, alias } = row
  if (rest.length > 0) {
    mustBeOne(statement, row, name)
    const { row: other, join } = statement.follow(row, name)
    const value = valueAt(statement, other, rest)
    return {
      sql: `(select ${value.sql} from ${other.resource.from} ${other.alias} where ${join})`,
      type: value.type,
    }
  }
  if (!statement.mayRead(resource, name)) throw statement.unknown(resource, name)
  const field = Object.hasOwn(resource.fields, name) ? resource.fields[name] : undefined
  if (field) return { sql: columnSql(name, field, alias), type: field.type }
  const link = statement.link(resource, name)
  if (!isOne(link)) throw badRequest(`cannot compare ${name}: it leads to many rows · use ${name}/any(x:…)`)
  return { sql: columnSql(name, link, alias), type: 'integer' }
}

function mustBeOne(statement: Statement, row: Row, name: string): void {
  if (!isOne(statement.link(row.resource, name)))
    throw badRequest(`cannot go on after ${name}: it leads to many rows · use ${name}/any(x:…)`)
}

/** Goes along the steps; `then` is written for the row at the end. */
function along(
  statement: Statement,
  names: Names,
  steps: string[],
  select: string,
  then: (row: Row) => string[],
): string {
  const { row, rest } = start(names, steps)
  if (rest.length === 0) throw badRequest('cannot follow a path that names no link')
  const froms: string[] = []
  const conditions: string[] = []
  let at = row
  for (const [i, step] of rest.entries()) {
    if (i < rest.length - 1) mustBeOne(statement, at, step)
    const { row: other, join } = statement.follow(at, step)
    froms.push(`${other.resource.from} ${other.alias}`)
    conditions.push(join)
    at = other
  }
  return `select ${select} from ${froms.join(', ')} where ${[...conditions, ...then(at)].join(' and ')}`
}

function count(statement: Statement, names: Names, { steps, filter }: Expression & { is: 'count' }): string {
  const then = (row: Row) =>
    filter ? [truth(compileExpression(statement, { ...names, it: row }, filter))] : []
  return `(${along(statement, names, steps, 'count(*)::integer', then)})`
}

function lambda(statement: Statement, names: Names, expression: Expression & { is: 'lambda' }): string {
  const { steps, every, variable, body } = expression
  const then = (row: Row) => {
    if (!body || !variable) return []
    const sql = truth(compileExpression(statement, { ...names, [variable]: row }, body))
    return [every ? `${sql} is not true` : sql]
  }
  return `${every ? 'not ' : ''}exists (${along(statement, names, steps, '1', then)})`
}

function truth({ sql, type }: Typed): string {
  mustBe('boolean', type, 'a condition')
  return `(${sql})`
}

function call(name: string, args: Typed[]): Typed {
  const callable = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (!callable) throw badRequest(`cannot call ${name}: there is no such function`)
  const { takes, gives, sql } = callable
  if (args.length > takes.length || args.length < takes.length - (optional[name] ?? 0))
    throw badRequest(`cannot call ${name} with ${args.length} arguments`)
  for (const [i, arg] of args.entries())
    if (arg.type !== 'null' && !takes[i]!.includes(arg.type))
      throw badRequest(`cannot call ${name}: its argument ${i + 1} is of the wrong type`)
  return {
    sql: `(${sql(...args.map((arg, i) => (arg.type === 'null' ? nullOf(takes[i]![0]!) : arg.sql)))})`,
    type: gives,
  }
}

const nullOf = (type: Type) =>
  `null::${{ date: 'timestamptz', decimal: 'float8', duration: 'interval', null: 'text', json: 'jsonb' }[type as string] ?? type}`

const comparison = { eq: '=', ne: 'is distinct from', gt: '>', ge: '>=', lt: '<', le: '<=' }
const arithmetic = { add: '+', sub: '-', mul: '*', div: '/', mod: '%' }

function operation(operator: Operator, left: Typed, right: Typed): Typed {
  if (operator === 'and' || operator === 'or') {
    mustBe('boolean', left.type, operator)
    mustBe('boolean', right.type, operator)
    return { sql: `(${left.sql} ${operator} ${right.sql})`, type: 'boolean' }
  }
  return operator in comparison
    ? compare(operator as keyof typeof comparison, left, right)
    : calculate(operator as keyof typeof arithmetic, left, right)
}

function compare(operator: keyof typeof comparison, left: Typed, right: Typed): Typed {
  const [one, other] = right.type === 'null' ? [left, right] : [right, left]
  if (other.type === 'null') {
    if (operator === 'eq') return { sql: `${one.sql} is null`, type: 'boolean' }
    if (operator === 'ne') return { sql: `${one.sql} is not null`, type: 'boolean' }
    return { sql: 'false', type: 'boolean' }
  }
  const [a, b] = alike(left, right)
  return { sql: `${a} ${comparison[operator]} ${b}`, type: 'boolean' }
}

/** Both sides, of types that can be compared. A text beside a date is read as one. */
function alike(left: Typed, right: Typed): [string, string] {
  const kinds = [kindOf(left.type), kindOf(right.type)]
  if (kinds[0] === kinds[1] && kinds[0] !== 'json') return [left.sql, right.sql]
  if (kinds[0] === 'date' && kinds[1] === 'text') return [left.sql, `${right.sql}::timestamptz`]
  if (kinds[0] === 'text' && kinds[1] === 'date') return [`${left.sql}::timestamptz`, right.sql]
  throw badRequest(`cannot compare ${kinds[0]} with ${kinds[1]}`)
}

function calculate(operator: keyof typeof arithmetic, left: Typed, right: Typed): Typed {
  const kinds = `${kindOf(left.type)} ${kindOf(right.type)}`
  const by = arithmetic[operator]
  const moment = operator === 'add' || operator === 'sub'
  if (kinds === 'date duration' && moment) return { sql: `(${left.sql} ${by} ${right.sql})`, type: 'date' }
  if (kinds === 'date date' && operator === 'sub')
    return { sql: `(${left.sql} - ${right.sql})`, type: 'duration' }
  if (kinds === 'duration duration' && moment)
    return { sql: `(${left.sql} ${by} ${right.sql})`, type: 'duration' }
  if (kinds !== 'number number') throw badRequest(`cannot ${operator} ${kinds.replace(' ', ' and ')}`)
  const type = left.type === 'decimal' || right.type === 'decimal' ? 'decimal' : 'bigint'
  const cast = type === 'bigint' ? 'bigint' : operator === 'mod' ? 'numeric' : 'float8'
  const sql = `(${left.sql}::${cast} ${by} ${right.sql}::${cast})`
  return { sql: cast === 'numeric' ? `${sql}::float8` : sql, type }
}

const kindOf = (type: Type): string =>
  type === 'integer' || type === 'bigint' || type === 'decimal'
    ? 'number'
    : type === 'null'
      ? 'nothing'
      : type

function within(statement: Statement, left: Typed, list: Expression): Typed {
  if (list.is !== 'list') throw badRequest('cannot use "in" without a list')
  const nothing = list.withNull ? ` or ${left.sql} is null` : ''
  const [a, b] = alike(left, { sql: statement.value(list.type, list.at, true), type: list.type })
  return { sql: `(${a} = any(${b})${nothing})`, type: 'boolean' }
}

function mustBe(wanted: 'boolean', type: Type, where: string): void {
  if (type !== wanted && type !== 'null')
    throw badRequest(`cannot read the query: ${where} needs something that is true or false`)
}
