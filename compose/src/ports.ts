// `ports` and `extra_hosts`, long forms made short.
import { entries, items, onlyKeys, refuse, text, textMap } from './values.ts'
import type { Node } from './yaml.ts'

const SHORT =
  /^(?:(?:\[[0-9a-fA-F:.]+\]|[0-9a-fA-F.:]+?):)?(?:(?:\d{1,5}(?:-\d{1,5})?)?:)?\d{1,5}(?:-\d{1,5})?(?:\/(?:tcp|udp|sctp))?$/

/** `[host address:][published:]target[/protocol]` */
export function ports(node: Node): string[] {
  return items(node).map((item) => {
    const port = item.kind === 'map' ? longPort(item) : text(item)
    return SHORT.test(port)
      ? port
      : refuse(item, `${port} is no port · write "8080:80", "8080:80/udp" or "80"`)
  })
}

function longPort(node: Node): string {
  onlyKeys(node, ['target', 'published', 'host_ip', 'protocol', 'mode', 'app_protocol', 'name'])
  const field = (key: string) => {
    const value = entries(node).get(key)
    return value && text(value)
  }
  const target = field('target') ?? refuse(node, 'it has no target, the port in the container')
  const published = field('published')
  const address = field('host_ip')
  const host = address ? `${address}:${published ?? ''}:` : published ? `${published}:` : ''
  const protocol = field('protocol')
  return `${host}${target}${protocol ? `/${protocol}` : ''}`
}

/** `name:address`, also where it was written with `=` or as a map. */
export function extraHosts(node: Node): string[] {
  if (node.kind === 'map') return Object.entries(textMap(node)).map(([name, address]) => `${name}:${address}`)
  return items(node).map((item) => text(item).replace(/^([^=:]+)=/, '$1:'))
}
