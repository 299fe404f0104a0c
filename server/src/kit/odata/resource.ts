// The vocabulary in which a noun says what it is in the v7 API: its fields, links, keys, who may see and change it, its verbs.

export type FieldType = 'integer' | 'decimal' | 'bigint' | 'text' | 'boolean' | 'date' | 'json'

/** SQL over one row; `row` is the row's alias. `@name` in it stands for a value of the `Scope`. */
export type RowSql = (row: string) => string

interface Property {
  /** Absent: a column of the field's name. */
  sql?: RowSql
  /** When a request may give it. */
  written: 'always' | 'at creation' | 'never'
  mandatory: boolean
  nullable: boolean
}

export interface Field extends Property {
  type: FieldType
  oneOf?: readonly string[]
}

/** To at most one row, by the column of the link's name that holds its id. */
export interface One extends Property {
  one: string
  /** Whoever writes this link must be allowed to change the row that it names. */
  guarded: boolean
}

/** To any number of rows: those that link here by `by`, or those for which `on` holds. */
export type Many = { many: string; by: string } | { many: string; on: (row: string, other: string) => string }

/** Who is asking, as SQL sees it. */
export interface Scope {
  /** What visibility is told apart by, and plans are cached by. */
  kind: string
  values: Record<string, unknown>
  /** Sets of ids that visibility may speak of: `${row}.application = any(array(select id from my_fleets))`. */
  sets: Record<string, string>
}

/** Rows that may be seen or changed: by the asker's kind (a kind that is absent: none), or as the row that a link leads to. */
export type Visibility = ByKind | Through
type ByKind = { as?: undefined; by: Partial<Record<string, RowSql>> }
/** `kinds`: only for these; absent: for all. */
type Through = { as: string; kinds?: string[] }

type Verbs = {
  /** Returns the new row's id. */
  create?: (ctx: any, asking: any, fields: any) => Promise<{ id: number }>
  update?: (ctx: any, asking: any, ids: number[], changes: any) => Promise<unknown>
  remove?: (ctx: any, asking: any, ids: number[]) => Promise<unknown>
}

export interface Definition extends Verbs {
  /** SQL of the table, when it is not a table of the resource's name. */
  from?: string
  fields: Record<string, Field>
  links: Record<string, One | Many>
  /** Natural keys besides `id`: the names of their fields. */
  keys?: string[][]
  visibleTo: Visibility
  /** Rows that PATCH reaches; absent: none. */
  changeableBy?: Visibility
  /** Rows that DELETE reaches; absent: those that PATCH does. */
  removableBy?: Visibility
  /** For a kind of asker that may read only some of the fields and links. */
  readable?: Partial<Record<string, string[]>>
  /** Other names of the resource on the wire. */
  alsoCalled?: string[]
}

export interface Resource extends Definition {
  name: string
  from: string
  keys: string[][]
}

export type Model = ReadonlyMap<string, Resource>

export function resource(name: string, definition: Definition): Resource {
  const { id = readOnly(integer), ...fields } = definition.fields
  return {
    ...definition,
    name,
    from: definition.from ?? quote(name),
    fields: { id, ...fields },
    keys: [['id'], ...(definition.keys ?? []).map((key) => key.toSorted())],
  }
}

/** All resources under all their names. */
export function model(resources: Resource[]): Model {
  return new Map(
    resources.flatMap((each) => [each.name, ...(each.alsoCalled ?? [])].map((name) => [name, each])),
  )
}

const plain = { written: 'always', mandatory: false, nullable: false } as const
export const integer: Field = { type: 'integer', ...plain }
export const decimal: Field = { type: 'decimal', ...plain }
/** A string on the wire. */
export const bigint: Field = { type: 'bigint', ...plain }
export const text: Field = { type: 'text', ...plain }
export const boolean: Field = { type: 'boolean', ...plain }
/** ISO 8601 in UTC with milliseconds; also taken as epoch ms. */
export const date: Field = { type: 'date', ...plain }
export const json: Field = { type: 'json', ...plain }
export const oneOf = (...words: string[]): Field => ({ ...text, oneOf: words })

export const one = (to: string): One => ({ one: to, guarded: false, ...plain })
export const many = (to: string, by: string): Many => ({ many: to, by })
export const manyWhere = (to: string, on: (row: string, other: string) => string): Many => ({ many: to, on })

export const mandatory = <T extends Property>(of: T): T => ({ ...of, mandatory: true })
export const nullable = <T extends Property>(of: T): T => ({ ...of, nullable: true })
export const readOnly = <T extends Property>(of: T): T => ({ ...of, written: 'never' })
export const atCreation = <T extends Property>(of: T): T => ({ ...of, written: 'at creation' })
/** Read by SQL of its own; written, if at all, as the verb knows. */
export const shownAs = <T extends Property>(of: T, sql: RowSql): T => ({ ...of, sql })
export const computed = <T extends Property>(of: T, sql: RowSql): T => readOnly(shownAs(of, sql))
export const guarded = (of: One): One => ({ ...of, guarded: true })

export const byKind = (by: Partial<Record<string, RowSql>>): Visibility => ({ by })
/** As the row at the end of a link; for these kinds of askers only, where any are given. */
export const through = (link: string, ...kinds: string[]): Visibility => ({
  as: link,
  ...(kinds.length > 0 && { kinds }),
})

/** Everybody, logged in or not. */
export const everybody: Visibility = byKind({
  user: () => 'true',
  application: () => 'true',
  device: () => 'true',
  guest: () => 'true',
})

export const isOne = (link: One | Many): link is One => 'one' in link
export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The SQL of a field, or of the id that a link holds. */
export const columnSql = (name: string, of: Property, row: string) =>
  of.sql ? `(${of.sql(row)})` : `${row}.${quote(name)}`

/** A resource of a vocabulary wider than ours: it can be asked for, linked to and expanded, and has no rows. */
export function empty(
  name: string,
  {
    fields = {},
    links = {},
    ...rest
  }: Partial<Pick<Definition, 'fields' | 'links' | 'keys' | 'alsoCalled'>> = {},
): Resource {
  return resource(name, {
    ...rest,
    from: '(select null::integer as id where false)',
    fields: mapValues(fields, (field) => computed(field, () => `null::${columnType[field.type]}`)),
    links: mapValues(links, (link) => (isOne(link) ? computed(link, () => 'null::integer') : link)),
    visibleTo: everybody,
  })
}

const columnType: Record<FieldType, string> = {
  integer: 'integer',
  decimal: 'float8',
  bigint: 'bigint',
  text: 'text',
  boolean: 'boolean',
  date: 'timestamptz',
  json: 'jsonb',
}

const mapValues = <T>(of: Record<string, T>, change: (value: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, change(value)]))
