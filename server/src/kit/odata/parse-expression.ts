// The grammar of `$filter` and `$orderby`.
import { badRequest } from '../../problems.ts'
import { type Scanner, takeList, takeLiteral } from './scanner.ts'
import { precedence, type Expression, type Operator } from './tree.ts'

/** An expression at this place. Stops at what can't belong to it: `)`, `,`, `;`, the end. */
export function parseExpression(scanner: Scanner): Expression {
  const found = operations(scanner, precedence.or)
  scanner.spaces()
  return found
}

/** Operands joined by operators that bind at least as strongly as `weakest`. */
function operations(scanner: Scanner, weakest: number): Expression {
  return scanner.nested(() => {
    scanner.spaces()
    let left = operand(scanner)
    for (;;) {
      const before = scanner.at
      const word = scanner.take(/ +(?:or|and|eq|ne|gt|ge|lt|le|in|add|sub|mul|div|mod)(?=[ ('])/y)?.trim() as
        | Operator
        | 'in'
        | undefined
      if (!word || precedence[word] < weakest) {
        scanner.at = before
        return left
      }
      scanner.spaces()
      left =
        word === 'in'
          ? { is: 'in', left, list: takeList(scanner) }
          : {
              is: 'operation',
              operator: word,
              left,
              right: operations(scanner, precedence[word] + 1),
            }
    }
  })
}

function operand(scanner: Scanner): Expression {
  if (scanner.take(/not(?=[ (])/y)) return { is: 'not', of: operations(scanner, precedence.eq) }
  if (scanner.next('(')) {
    const inner = parseExpression(scanner)
    scanner.expect(')')
    return inner
  }
  const literal = takeLiteral(scanner)
  if (literal) return literal
  const call = scanner.take(/[a-z]+\(/y)
  if (call) return { is: 'call', name: call.slice(0, -1), args: args(scanner) }
  return path(scanner)
}

function args(scanner: Scanner): Expression[] {
  const found: Expression[] = []
  scanner.spaces()
  if (scanner.next(')')) return found
  for (;;) {
    found.push(parseExpression(scanner))
    if (scanner.next(')')) return found
    scanner.expect(',')
  }
}

/** `a`, `a/b`, `a/any(b:…)`, `a/$count`, `a/$count($filter=…)`. */
function path(scanner: Scanner): Expression {
  const steps: string[] = []
  for (;;) {
    if (steps.length > 0) {
      const lambda = scanner.take(/(?:any|all)\(/y)
      if (lambda) return lambdaAfter(scanner, steps, lambda === 'all(')
      if (scanner.take(/\$count(?!\w)/y)) return countAfter(scanner, steps)
    }
    steps.push(scanner.take(/\$it(?!\w)/y) ?? scanner.name())
    if (steps.length > 20) throw badRequest('cannot read the query: a path of more than 20 steps')
    if (!scanner.next('/')) return { is: 'path', steps }
  }
}

function lambdaAfter(scanner: Scanner, steps: string[], every: boolean): Expression {
  scanner.spaces()
  if (!every && scanner.next(')')) return { is: 'lambda', steps, every }
  const variable = scanner.name()
  scanner.spaces()
  scanner.expect(':')
  const body = parseExpression(scanner)
  scanner.expect(')')
  return { is: 'lambda', steps, every, variable, body }
}

function countAfter(scanner: Scanner, steps: string[]): Expression {
  if (!scanner.next('(')) return { is: 'count', steps }
  if (!scanner.take(/\$filter=/y)) throw scanner.trouble('expected $filter=')
  const filter = parseExpression(scanner)
  scanner.expect(')')
  return { is: 'count', steps, filter }
}
