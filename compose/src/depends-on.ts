// What starts before what. Genuine supervisors know a plain list ("running before start"); finer conditions go beside it, for ours.
import type { Warning } from './project-error.ts'
import { entries, flag, items, onlyKeys, refuse, text } from './values.ts'
import type { Node } from './yaml.ts'

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

const CONDITIONS: readonly string[] = ['service_started', 'service_healthy', 'service_completed_successfully']

export type Dependencies = {
  names: { name: string; node: Node }[]
  /** Only those that say more than "started". */
  conditions: Record<string, { condition: Condition }>
}

export function dependsOn(node: Node, warnings: Warning[]): Dependencies {
  if (node.kind !== 'map')
    return { names: items(node).map((item) => ({ name: text(item), node: item })), conditions: {} }
  const out: Dependencies = { names: [], conditions: {} }
  for (const [name, how] of node.entries) {
    out.names.push({ name, node: how })
    onlyKeys(how, ['condition', 'required', 'restart'])
    const required = entries(how).get('required')
    if (required && !flag(required)) refuse(required, 'every service of a release runs · remove it')
    const written = entries(how).get('condition')
    const condition = written ? text(written) : 'service_started'
    if (!CONDITIONS.includes(condition)) refuse(written!, `${condition} is none of ${CONDITIONS.join(', ')}`)
    if (condition === 'service_started') continue
    Object.defineProperty(out.conditions, name, {
      value: { condition: condition as Condition },
      enumerable: true,
    })
    warnings.push({
      text: `waits for ${name} by ${condition} where Copal's own supervisor runs; any other waits until it has started`,
      ...(how.where.line ? { line: how.where.line } : {}),
    })
  }
  return out
}

/** A way through `needs` that comes back to where it began; undefined when services can be started in some order. */
export function circleIn(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const way: string[] = []

  function visit(name: string): string[] | undefined {
    if (done.has(name)) return undefined
    const seen = way.indexOf(name)
    if (seen !== -1) return [...way.slice(seen), name]
    way.push(name)
    for (const next of needs.get(name) ?? []) {
      const circle = visit(next)
      if (circle) return circle
    }
    way.pop()
    done.add(name)
    return undefined
  }

  for (const name of needs.keys()) {
    const circle = visit(name)
    if (circle) return circle
  }
  return undefined
}
