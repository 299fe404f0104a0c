import { badRequest, type Problem } from '../../problems.ts'
import {
  columnSql,
  isOne,
  type Many,
  type Model,
  type One,
  type Resource,
  type Scope,
  type Visibility,
} from './resource.ts'
import type { ValueType } from './tree.ts'

/** `$n` in the text is `values[at]` of the request, or a value of the asker's scope. */
export type Bind = { at: number } | { name: string }

export interface Plan {
  text: string
  binds: Bind[]
}

/** What a plan is run with. */
export const bindsOf = (plan: Plan, values: unknown[], scope: Scope): unknown[] =>
  plan.binds.map((bind) => ('at' in bind ? values[bind.at] : scope.values[bind.name]))

/** A row of a resource under an alias. */
export interface Row {
  resource: Resource
  alias: string
}

const castOf: Record<ValueType, string> = {
  integer: 'bigint',
  decimal: 'float8',
  text: 'text',
  date: 'timestamptz',
  duration: 'interval',
}

/** An SQL statement while it is written: its aliases, its binds, and the sets of ids that it speaks of. */
export class Statement {
  readonly model: Model
  readonly scope: Scope
  #binds: Bind[] = []
  #numbers = new Map<string, number>()
  #sets = new Set<string>()
  #aliases = 0

  constructor(model: Model, scope: Scope) {
    this.model = model
    this.scope = scope
  }

  alias(): string {
    return `t${this.#aliases++}`
  }

  row(resource: Resource): Row {
    return { resource, alias: this.alias() }
  }

  /** The bind for `values[at]`. */
  value(type: ValueType, at: number, list = false): string {
    return `$${this.#number(`v${at}`, { at })}::${castOf[type]}${list ? '[]' : ''}`
  }

  plan(body: string): Plan {
    const text = this.#named(body)
    const sets: string[] = []
    for (const name of this.#sets)
      sets.push(`${name} as materialized (${this.#named(this.scope.sets[name]!)})`)
    return { text: sets.length > 0 ? `with ${sets.join(', ')} ${text}` : text, binds: this.#binds }
  }

  visible(row: Row): string {
    return this.#holds(row, row.resource.visibleTo, (parent) => this.visible(parent))
  }

  changeable(row: Row, verb: 'update' | 'remove'): string {
    const { changeableBy, removableBy } = row.resource
    const visibility = verb === 'remove' ? (removableBy ?? changeableBy) : changeableBy
    return visibility ? this.#holds(row, visibility, (parent) => this.changeable(parent, 'update')) : 'false'
  }

  /** Goes along a link: the row at its end, and what joins and shows it. */
  follow(from: Row, name: string): { row: Row; join: string } {
    const link = this.link(from.resource, name)
    const row = this.row(this.#resource(isOne(link) ? link.one : link.many))
    const seen = this.#seenAlready(link, row.resource) ? [] : [this.visible(row)]
    return { row, join: [joinOf(from, name, link, row), ...seen].join(' and ') }
  }

  link(resource: Resource, name: string): One | Many {
    const link = Object.hasOwn(resource.links, name) ? resource.links[name] : undefined
    if (!link || !this.mayRead(resource, name)) throw this.unknown(resource, name)
    return link
  }

  mayRead(resource: Resource, name: string): boolean {
    if (!Object.hasOwn(resource.fields, name) && !Object.hasOwn(resource.links, name)) return false
    return resource.readable?.[this.scope.kind]?.includes(name) ?? true
  }

  unknown(resource: Resource, name: string): Problem {
    return badRequest(`cannot find ${JSON.stringify(name)} in ${resource.name}: it has no such field or link`)
  }

  #resource(name: string): Resource {
    const found = this.model.get(name)
    if (!found) throw new Error(`the model has no resource ${name}`)
    return found
  }

  #holds(row: Row, visibility: Visibility, ofParent: (parent: Row) => string): string {
    const { kind } = this.scope
    if (visibility.as === undefined) return `(${visibility.by[kind]?.(row.alias) ?? 'false'})`
    if (visibility.kinds && !visibility.kinds.includes(kind)) return 'false'
    const link = row.resource.links[visibility.as] as One
    const parent = this.row(this.#resource(link.one))
    return `exists (select 1 from ${parent.resource.from} ${parent.alias} where ${joinOf(row, visibility.as, link, parent)} and ${ofParent(parent)})`
  }

  /** Rows that are visible because the one that we come from is. */
  #seenAlready(link: One | Many, to: Resource): boolean {
    const { as, kinds } = to.visibleTo as { as?: string; kinds?: string[] }
    return 'by' in link && as === link.by && (kinds?.includes(this.scope.kind) ?? true)
  }

  /** Puts binds in the place of `@names`, and notes which sets are spoken of. */
  #named(sql: string): string {
    for (const [, name] of sql.matchAll(/\bfrom (\w+)/g))
      if (Object.hasOwn(this.scope.sets, name!)) this.#sets.add(name!)
    return sql.replaceAll(/@(\w+)/g, (_, name: string) => {
      const type = typeof this.scope.values[name] === 'string' ? 'text' : 'integer'
      return `$${this.#number(`@${name}`, { name })}::${type}`
    })
  }

  #number(key: string, bind: Bind): number {
    const known = this.#numbers.get(key)
    if (known) return known
    const number = this.#binds.push(bind)
    this.#numbers.set(key, number)
    return number
  }
}

function joinOf(from: Row, name: string, link: One | Many, to: Row): string {
  if (isOne(link)) return `${to.alias}.id = ${columnSql(name, link, from.alias)}`
  if ('on' in link) return link.on(from.alias, to.alias)
  const back = to.resource.links[link.by] as One
  return `${columnSql(link.by, back, to.alias)} = ${from.alias}.id`
}
