// `ports` of a service: `[address:][published:]target[/protocol]`, each number also a range.

export interface Ports {
  exposed: Record<string, object>
  bindings: Record<string, { HostIp?: string; HostPort?: string }[]>
}

const form = /^(?:(?:\[([^\]]+)\]|(\d+(?:\.\d+){3})):)?(?:(\d*(?:-\d+)?):)?(\d+(?:-\d+)?)(?:\/(\w+))?$/

/** What is no port is left out. */
export function portsOf(list: unknown): Ports {
  const ports: Ports = { exposed: {}, bindings: {} }
  for (const entry of Array.isArray(list) ? (list as unknown[]) : []) {
    const match = form.exec(
      typeof entry === 'number' ? String(entry) : typeof entry === 'string' ? entry : '',
    )
    if (match === null) continue
    const [, address6, address4, published = '', target = '', protocol = 'tcp'] = match
    const address = address6 ?? address4
    const inside = rangeOf(target)
    const outside = published === '' ? [] : rangeOf(published)
    inside.forEach((port, index) => {
      const key = `${port}/${protocol.toLowerCase()}`
      ports.exposed[key] = {}
      // A range in front of a single port lets the engine choose a free one of it.
      const choice = inside.length === 1 && outside.length > 1 ? published : String(outside[index] ?? '')
      const binding = { ...(address === undefined ? {} : { HostIp: address }), HostPort: choice }
      ports.bindings[key] = [...(ports.bindings[key] ?? []), binding]
    })
  }
  return ports
}

function rangeOf(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  return Array.from({ length: Math.max(0, Math.min(last, 65_535) - first + 1) }, (_, index) => first + index)
}
