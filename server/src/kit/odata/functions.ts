// What may be called in `$filter` and `$orderby`, by name: what it takes, what it gives, its SQL.
import type { FieldType } from './resource.ts'

export type Type = FieldType | 'duration' | 'null'

interface Callable {
  takes: Type[][]
  gives: Type
  sql: (...args: string[]) => string
}

const text: Type[] = ['text']
const number: Type[] = ['integer', 'bigint', 'decimal']
const date: Type[] = ['date']
const part = (name: string): Callable => ({
  takes: [date],
  gives: 'integer',
  sql: (of) => `floor(extract(${name} from ${of} at time zone 'UTC'))::integer`,
})
const shown = (format: string): Callable => ({
  takes: [date],
  gives: 'text',
  sql: (of) => `to_char(${of} at time zone 'UTC', '${format}')`,
})
const rounded = (name: string): Callable => ({
  takes: [number],
  gives: 'decimal',
  sql: (of) => `${name}(${of}::numeric)::float8`,
})

export const functions: Record<string, Callable> = {
  contains: { takes: [text, text], gives: 'boolean', sql: (a, b) => `strpos(${a}, ${b}) > 0` },
  // The version-2 spelling, its arguments the other way round.
  substringof: { takes: [text, text], gives: 'boolean', sql: (a, b) => `strpos(${b}, ${a}) > 0` },
  startswith: { takes: [text, text], gives: 'boolean', sql: (a, b) => `starts_with(${a}, ${b})` },
  endswith: { takes: [text, text], gives: 'boolean', sql: (a, b) => `right(${a}, length(${b})) = ${b}` },
  length: { takes: [text], gives: 'integer', sql: (a) => `length(${a})` },
  indexof: { takes: [text, text], gives: 'integer', sql: (a, b) => `strpos(${a}, ${b}) - 1` },
  substring: {
    takes: [text, number, number],
    gives: 'text',
    sql: (a, from, length) =>
      `substr(${a}, ${from}::integer + 1${length === undefined ? '' : `, ${length}::integer`})`,
  },
  tolower: { takes: [text], gives: 'text', sql: (a) => `lower(${a})` },
  toupper: { takes: [text], gives: 'text', sql: (a) => `upper(${a})` },
  trim: { takes: [text], gives: 'text', sql: (a) => `trim(${a})` },
  concat: { takes: [text, text], gives: 'text', sql: (a, b) => `${a} || ${b}` },
  year: part('year'),
  month: part('month'),
  day: part('day'),
  hour: part('hour'),
  minute: part('minute'),
  second: part('second'),
  date: shown('YYYY-MM-DD'),
  time: shown('HH24:MI:SS'),
  now: { takes: [], gives: 'date', sql: () => 'now()' },
  round: rounded('round'),
  floor: rounded('floor'),
  ceiling: rounded('ceiling'),
}

/** How many of the last arguments may be left out. */
export const optional: Record<string, number> = { substring: 1 }
