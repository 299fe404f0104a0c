// A request to the v7 API as data. Literals are taken out into `values`, so that two requests of one shape have equal trees.

export type ValueType = 'integer' | 'decimal' | 'text' | 'date' | 'duration'

export type Expression =
  | { is: 'null' }
  | { is: 'boolean'; value: boolean }
  /** A literal: `values[at]`. */
  | { is: 'value'; type: ValueType; at: number }
  /** The right side of `in`: `values[at]` is an array. */
  | { is: 'list'; type: ValueType; at: number; withNull: boolean }
  /** `a/b/c`; the first step may be the variable of a lambda. */
  | { is: 'path'; steps: string[] }
  | { is: 'count'; steps: string[]; filter?: Expression }
  | { is: 'lambda'; steps: string[]; every: boolean; variable?: string; body?: Expression }
  | { is: 'call'; name: string; args: Expression[] }
  | { is: 'operation'; operator: Operator; left: Expression; right: Expression }
  | { is: 'in'; left: Expression; list: Expression }
  | { is: 'not'; of: Expression }

export const precedence = {
  or: 1,
  and: 2,
  eq: 3,
  ne: 3,
  gt: 3,
  ge: 3,
  lt: 3,
  le: 3,
  in: 3,
  add: 4,
  sub: 4,
  mul: 5,
  div: 5,
  mod: 5,
} as const
export type Operator = Exclude<keyof typeof precedence, 'in'>

export interface Order {
  by: Expression
  descending: boolean
}

export interface Expand {
  link: string
  /** `link/$count`: the number, not the rows. */
  count: boolean
  options: Options
}

export interface Options {
  select?: string[]
  filter?: Expression
  expand?: Expand[]
  orderby?: Order[]
  /** Part of the shape: the database plans by it. */
  top?: number
  /** Where in `values` the number of rows to leave out is. */
  skip?: number
}

export interface KeyPart {
  field: string
  value: Expression
}

export interface Query {
  resource: string
  key?: KeyPart[]
  /** `/resource/$count` */
  count: boolean
  /** `POST /resource(key)/action` */
  action?: string
  options: Options
  values: unknown[]
  /** Parameters without `$` or `@`, such as `returnResource`. */
  parameters: Record<string, string>
}
