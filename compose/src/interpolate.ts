// Variables in a compose file. They come from a committed `.env` and the fleet's build variables, never from the server.
import { cannot, type Warning } from './project-error.ts'
import { choose, substitutionAt } from './substitution.ts'
import { type Node } from './yaml.ts'

export type Variables = Pick<ReadonlyMap<string, string>, 'has' | 'get'>

/** Their `$` are often meant for the shell in the container, so a name that nobody defines stays as it is. */
const SHELL_KEYS = new Set(['command', 'entrypoint', 'healthcheck'])

/** Characters. A program takes no longer argument or variable (Linux: 128 KiB), and a file of names may not unfold without end. */
const LONGEST_VALUE = 128 * 1024
const LONGEST_TOTAL = 4 * 1024 * 1024

/** Replaces variables in every value (never in keys) of a compose file; each name that nobody defines is warned of once per line. */
export function interpolate(root: Node, variables: Variables, warnings: Warning[]): Node {
  if (root.kind !== 'map') return root
  const told = new Set<string>()
  let total = 0

  function walk(node: Node, path: readonly string[]): Node {
    if (node.kind === 'map') {
      return {
        ...node,
        entries: new Map([...node.entries].map(([key, value]) => [key, walk(value, [...path, key])])),
      }
    }
    if (node.kind === 'list') return { ...node, items: node.items.map((item) => walk(item, path)) }
    if (typeof node.value !== 'string' || !node.value.includes('$')) return node
    const service = path[0] === 'services' ? path[1] : undefined
    const value = expand(node.value, {
      variables,
      forShell: service !== undefined && SHELL_KEYS.has(path[2] ?? ''),
      unknown: (text) => {
        const warning = {
          text,
          ...(node.where.line ? { line: node.where.line } : {}),
          ...(service ? { service } : {}),
        }
        const once = JSON.stringify(warning)
        if (!told.has(once)) warnings.push(warning)
        told.add(once)
      },
      demand: (name, message) =>
        cannot(`fill in $${name}`, message, { ...node.where, ...(service ? { service } : {}) }),
    })
    total += value.length
    if (total > LONGEST_TOTAL) throw cannot('fill in the variables', 'the file becomes too long', node.where)
    return { ...node, value, source: value }
  }

  return walk(root, [])
}

export type Expansion = {
  variables: Variables
  /** Leave unknown names and shell forms alone. */
  forShell?: boolean
  unknown(warning: string): void
  demand(name: string, message: string): Error
}

/** `$$` is `$`; `$NAME`, `${NAME:-default}` and their kin are replaced; any other `$` stays. */
export function expand(text: string, how: Expansion, depth = 0): string {
  if (depth > 16) return text
  let out = ''
  let at = 0
  for (let dollar = text.indexOf('$'); dollar !== -1; dollar = text.indexOf('$', at)) {
    out += text.slice(at, dollar)
    if (text[dollar + 1] === '$') {
      out += '$'
      at = dollar + 2
      continue
    }
    const found = substitutionAt(text, dollar)
    if (!found) {
      if (!how.forShell) how.unknown(`a $ that starts no variable is left as it is · write $$ for a plain $`)
      out += '$'
      at = dollar + 1
      continue
    }
    at = found.end
    if (out.length > LONGEST_VALUE)
      throw how.demand(found.name, `the value becomes longer than ${LONGEST_VALUE} characters`)
    const known = how.variables.has(found.name)
    if (how.forShell && !known) {
      if (!found.operator)
        how.unknown(`$${found.name} is not defined here and left for the container's shell`)
      out += text.slice(dollar, found.end)
      continue
    }
    const chosen = choose(found, how.variables.get(found.name))
    if (chosen === 'missing') {
      if (found.operator)
        throw how.demand(
          found.name,
          found.word || 'it has no value · define it in .env or as a build variable',
        )
      how.unknown(
        `$${found.name} is not defined and becomes empty · define it in .env or as a build variable, or write $$${found.name}`,
      )
    } else {
      out += 'text' in chosen ? chosen.text : expand(chosen.word, how, depth + 1)
    }
  }
  return out + text.slice(at)
}
