// From a URL to a tree. Pure; whatever the text, the result is a tree or a Problem 400.
import { badRequest } from '../../problems.ts'
import { parseExpression } from './parse-expression.ts'
import { Scanner, takeLiteral } from './scanner.ts'
import type { Expand, KeyPart, Options, Order, Query } from './tree.ts'

const mostExpands = 100
const mostRows = 2 ** 31 - 1

/**
 * Reads what comes after `/v7/`: `device(uuid='…')?$select=id&$expand=device_tag($top=1)`, still percent-encoded.
 * The query is split at `&` only; a `+` is a plus.
 * @throws Problem 400 where it can't be understood
 */
export function parse(url: string): Query {
  const mark = url.indexOf('?')
  const path = decode(mark < 0 ? url : url.slice(0, mark))
  const values: unknown[] = []
  const options: [name: string, value: string][] = []
  const aliases = new Map<string, string>()
  const parameters: Record<string, string> = {}
  for (const part of mark < 0 ? [] : url.slice(mark + 1).split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decode(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : decode(part.slice(equals + 1))
    if (name.startsWith('$')) options.push([name, value])
    else if (name.startsWith('@')) aliases.set(name, value)
    else if (name !== '__proto__') parameters[name] = value
  }
  const query: Query = { ...parsePath(new Scanner(path, values, aliases)), options: {}, values, parameters }
  const count = { expands: 0 }
  for (const [name, value] of options) {
    const scanner = new Scanner(value, values, aliases)
    parseOption(scanner, name, query.options, count)
    if (!scanner.end()) throw scanner.trouble('something that does not belong there')
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badRequest('cannot read the address: its percent-encoding is broken')
  }
}

function parsePath(scanner: Scanner): Pick<Query, 'resource' | 'key' | 'count' | 'action'> {
  const resource = scanner.name()
  const key = scanner.next('(') ? parseKey(scanner) : undefined
  const rest = scanner.next('/') ? (scanner.take(/\$count$/y) ?? (scanner.end() ? '' : scanner.name())) : ''
  scanner.next('/')
  if (!scanner.end()) throw scanner.trouble('something that does not belong there')
  const count = rest === '$count'
  return { resource, count, ...(key && { key }), ...(rest && !count && { action: rest }) }
}

/** `20)`, `uuid='…')`, `release=30,asset_key='a')`: in any order. */
function parseKey(scanner: Scanner): KeyPart[] {
  const parts: KeyPart[] = []
  do {
    scanner.spaces()
    const field = scanner.take(/[A-Za-z_]\w*(?= *=)/y) ?? 'id'
    scanner.spaces()
    scanner.next('=')
    scanner.spaces()
    const value = takeLiteral(scanner)
    if (!value || value.is === 'null') throw scanner.trouble('expected the value of a key')
    if (parts.some((part) => part.field === field))
      throw badRequest(`cannot read the key: ${field} stands twice`)
    parts.push({ field, value })
    scanner.spaces()
  } while (scanner.next(','))
  scanner.expect(')')
  return parts.sort((a, b) => (a.field < b.field ? -1 : 1))
}

function parseOption(scanner: Scanner, name: string, into: Options, count: { expands: number }): void {
  scanner.spaces()
  switch (name) {
    case '$select':
      into.select = commaSeparated(scanner, () => scanner.take(/\*/y) ?? scanner.name())
      break
    case '$filter':
      into.filter = parseExpression(scanner)
      break
    case '$orderby':
      into.orderby = commaSeparated(scanner, () => parseOrder(scanner))
      break
    case '$expand':
      into.expand = commaSeparated(scanner, () => parseExpand(scanner, count))
      break
    case '$top':
      into.top = rows(scanner, name)
      break
    case '$skip':
      into.skip = scanner.values.push(rows(scanner, name)) - 1
      break
    case '$count': // the count of a list is asked for with /$count
    case '$format':
      scanner.take(/[^;)&]*/y)
      break
    default:
      throw badRequest(`cannot use the option ${name}: it is unknown`)
  }
  scanner.spaces()
}

function commaSeparated<T>(scanner: Scanner, read: () => T): T[] {
  const found: T[] = []
  do {
    scanner.spaces()
    found.push(read())
    scanner.spaces()
  } while (scanner.next(','))
  return found
}

function parseOrder(scanner: Scanner): Order {
  const by = parseExpression(scanner)
  return { by, descending: scanner.take(/(?:asc|desc)(?!\w)/y) === 'desc' }
}

function parseExpand(scanner: Scanner, count: { expands: number }): Expand {
  if (++count.expands > mostExpands)
    throw badRequest(`cannot expand more than ${mostExpands} links in one request`)
  const link = scanner.name()
  const counted = scanner.take(/\/\$count(?!\w)/y) !== undefined
  const options: Options = {}
  if (scanner.next('('))
    scanner.nested(() => {
      do {
        scanner.spaces()
        const name = scanner.take(/\$[a-z]+(?==)/y)
        if (!name) throw scanner.trouble('expected an option such as $select=')
        scanner.next('=')
        parseOption(scanner, name, options, count)
      } while (scanner.next(';'))
      scanner.expect(')')
    })
  return { link, count: counted, options }
}

function rows(scanner: Scanner, name: string): number {
  const number = Number(scanner.take(/\d{1,12}/y) ?? NaN)
  if (!(number <= mostRows)) throw badRequest(`cannot use ${name}: give a whole number from 0`)
  return number
}
