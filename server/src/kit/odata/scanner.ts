import { badRequest, type Problem } from '../../problems.ts'
import type { Expression, ValueType } from './tree.ts'

const deepest = 60

/** Reads a text from left to right. `values` collects the literals of the whole request. */
export class Scanner {
  readonly text: string
  readonly values: unknown[]
  /** `@name` → the literal that it stands for. */
  readonly aliases: Map<string, string>
  at = 0
  #depth = 0

  constructor(text: string, values: unknown[], aliases: Map<string, string>) {
    this.text = text
    this.values = values
    this.aliases = aliases
  }

  /** Takes what the sticky expression matches here, or nothing. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (!found) return undefined
    this.at += found[0].length
    return found[0]
  }

  next(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  expect(character: string): void {
    if (!this.next(character)) throw this.trouble(`expected ${character}`)
  }

  spaces(): void {
    while (this.text[this.at] === ' ') this.at++
  }

  end(): boolean {
    return this.at >= this.text.length
  }

  name(): string {
    const name = this.take(/[A-Za-z_]\w*/y)
    if (!name) throw this.trouble('expected a name')
    return name
  }

  /** Runs `read` one level deeper; a request that nests without end is refused. */
  nested<T>(read: () => T): T {
    if (++this.#depth > deepest) throw badRequest('cannot read the query: it is nested too deeply')
    const result = read()
    this.#depth--
    return result
  }

  trouble(what: string): Problem {
    const here = this.text.slice(this.at, this.at + 20)
    return badRequest(`cannot read the query: ${what} at ${here ? JSON.stringify(here) : 'its end'}`)
  }
}

/** A literal at this place, or nothing. */
export function takeLiteral(scanner: Scanner): Expression | undefined {
  const word = scanner.take(/(?:null|true|false)(?![\w/('])/y)
  if (word === 'null') return { is: 'null' }
  if (word) return { is: 'boolean', value: word === 'true' }
  const prefix = scanner.take(/(?:datetimeoffset|datetime|date|duration)(?=')/y)
  if (prefix || scanner.text[scanner.at] === "'") {
    const text = quoted(scanner)
    if (prefix === 'duration') return keep(scanner, 'duration', duration(scanner, text))
    return prefix ? keep(scanner, 'date', date(scanner, text)) : keep(scanner, 'text', text)
  }
  const day = scanner.take(/\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?/y)
  if (day) return keep(scanner, 'date', date(scanner, day))
  const number = scanner.take(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?!\w)/y)
  if (number) return numeric(scanner, number)
  const alias = scanner.take(/@\w+/y)
  return alias ? aliased(scanner, alias) : undefined
}

/** `(1,2)` or `('a','b')`, with the parentheses. */
export function takeList(scanner: Scanner): Expression {
  scanner.expect('(')
  const items: unknown[] = []
  const types = new Set<ValueType>()
  let withNull = false
  scanner.spaces()
  while (!scanner.next(')')) {
    if (items.length > 0 || withNull) scanner.expect(',')
    scanner.spaces()
    const literal = takeLiteral(scanner)
    if (literal?.is === 'null') withNull = true
    else if (literal?.is === 'value') {
      types.add(literal.type)
      items.push(scanner.values.pop()) // the list holds its items itself
    } else throw scanner.trouble('expected a number or a text')
    scanner.spaces()
  }
  if (types.has('decimal')) types.delete('integer')
  if (types.size > 1) throw badRequest('cannot read the query: the values after "in" are of different types')
  return { ...keep(scanner, [...types][0] ?? 'text', items), is: 'list', withNull }
}

function keep(scanner: Scanner, type: ValueType, value: unknown): Expression & { is: 'value' } {
  scanner.values.push(value)
  return { is: 'value', type, at: scanner.values.length - 1 }
}

function quoted(scanner: Scanner): string {
  const text = scanner.take(/'(?:[^']|'')*'(?!')/y)
  if (text === undefined) throw scanner.trouble('a text without its closing quote')
  // PostgreSQL's texts can't hold it, so nothing can be equal to it.
  if (text.includes('\0')) throw badRequest('cannot read the query: a text with a NUL character')
  return text.slice(1, -1).replaceAll("''", "'")
}

function numeric(scanner: Scanner, text: string): Expression {
  const value = Number(text)
  return keep(scanner, Number.isSafeInteger(value) && /^-?\d+$/.test(text) ? 'integer' : 'decimal', value)
}

function date(scanner: Scanner, text: string): Date {
  const value = new Date(/T.*(?:Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`)
  const year = value.getUTCFullYear()
  if (!(year >= 1 && year <= 9999)) throw scanner.trouble(`no date: ${JSON.stringify(text.slice(0, 40))}`)
  return value
}

function duration(scanner: Scanner, text: string): string {
  if (!/^-?P(?=.)(?:\d{1,6}D)?(?:T(?=.)(?:\d{1,6}H)?(?:\d{1,6}M)?(?:\d{1,9}(?:\.\d{1,6})?S)?)?$/.test(text))
    throw scanner.trouble(`no duration: ${JSON.stringify(text.slice(0, 40))}`)
  return text
}

function aliased(scanner: Scanner, name: string): Expression {
  const text = scanner.aliases.get(name)
  if (text === undefined) throw badRequest(`cannot read the query: ${name} is not given`)
  const inner = new Scanner(text, scanner.values, new Map()) // an alias does not stand for another
  const literal = takeLiteral(inner)
  if (!literal || !inner.end()) throw badRequest(`cannot read the query: ${name} is no single value`)
  return literal
}
