// `volumes`, `tmpfs` and `devices` of a service. A device has no folders of the project's own, so what compose calls a bind mount is
// either a feature that a label switches on, or refused.
import type { Warning } from './project-error.ts'
import { entries, flag, isNull, items, onlyKeys, refuse, text } from './values.ts'
import type { Node } from './yaml.ts'

const FEATURE_OF_PATH: Record<string, string> = {
  '/var/run/docker.sock': 'balena-socket',
  '/var/run/balena-engine.sock': 'balena-socket',
  '/run/dbus': 'dbus',
  '/sys': 'sysfs',
  '/proc': 'procfs',
  '/lib/modules': 'kernel-modules',
  '/lib/firmware': 'firmware',
  '/var/log/journal': 'journal-logs',
  '/run/log/journal': 'journal-logs',
  '/etc/machine-id': 'journal-logs',
}

export type Mounts = {
  volumes: string[]
  tmpfs: string[]
  features: Set<string>
  names: { name: string; node: Node }[]
}

/** Short forms, features instead of known paths of the host, and the names of volumes that must be declared. */
export function mounts(node: Node, warnings: Warning[]): Mounts {
  const out: Mounts = { volumes: [], tmpfs: [], features: new Set(), names: [] }
  for (const item of items(node)) {
    const mount = item.kind === 'map' ? longMount(item) : shortMount(item)
    if (mount.type === 'tmpfs') out.tmpfs.push(mount.target)
    else if (/^[./~]/.test(mount.source)) bind(item, mount, out, warnings)
    else {
      out.names.push({ name: mount.source, node: item })
      out.volumes.push([mount.source, mount.target, mount.mode].filter(Boolean).join(':'))
    }
  }
  return out
}

type Mount = { type: 'volume' | 'tmpfs'; source: string; target: string; mode?: string }

function shortMount(node: Node): Mount {
  const [source, target, mode, rest] = text(node).split(':')
  if (!source || rest !== undefined) return refuse(node, 'a volume is written name:/path or name:/path:ro')
  if (!target)
    return refuse(
      node,
      'it has no name, and would be lost with its container · name it, and list it under volumes',
    )
  if (!target.startsWith('/'))
    return refuse(node, `the path in the container must begin with a slash, ${target} does not`)
  return { type: 'volume', source, target, ...(mode ? { mode } : {}) }
}

function longMount(node: Node): Mount {
  const kind = entries(node).get('type')
  const type = kind ? text(kind) : 'volume'
  onlyKeys(
    node,
    ['type', 'source', 'target', 'read_only', 'consistency', 'bind'],
    () => 'devices take no options of a mount · remove it',
  )
  const field = (key: string) => entries(node).get(key)
  const target = field('target')
  if (!target || isNull(target)) return refuse(node, 'it has no target, the path in the container')
  if (type === 'tmpfs') return { type, source: '', target: text(target) }
  const source = field('source')
  if (!source || isNull(source))
    return refuse(node, 'it has no source · name the volume, and list it under volumes')
  const from = text(source)
  if (type !== 'volume' && !(type === 'bind' && from in FEATURE_OF_PATH)) {
    return refuse(
      node,
      `devices know volumes and tmpfs, not mounts of type ${type} · use a named volume, or copy the files into the image`,
    )
  }
  const readOnly = field('read_only')
  return {
    type: 'volume',
    source: from,
    target: text(target),
    ...(readOnly && flag(readOnly) ? { mode: 'ro' } : {}),
  }
}

function bind(node: Node, mount: Mount, out: Mounts, warnings: Warning[]): void {
  const path = mount.source.replace(/(.)\/+$/, '$1')
  const feature = Object.hasOwn(FEATURE_OF_PATH, path) ? FEATURE_OF_PATH[path] : undefined
  if (!feature) {
    return refuse(
      node,
      `${mount.source} would be a folder of the device · use a named volume, or copy the files into the image`,
    )
  }
  out.features.add(feature)
  warnings.push({
    text: `${mount.source} is given by the label io.balena.features.${feature}, at the path which that label stands for`,
    ...(node.where.line ? { line: node.where.line } : {}),
  })
}

/** `/dev/x`, `/dev/x:/dev/y` or `/dev/x:/dev/y:rwm`. */
export function devices(node: Node): string[] {
  return items(node).map((item) => {
    if (item.kind === 'map') {
      onlyKeys(item, ['source', 'target', 'permissions'])
      const [source, target, permissions] = ['source', 'target', 'permissions'].map((key) =>
        entries(item).get(key),
      )
      if (!source) return refuse(item, 'it has no source, the device node')
      return [text(source), text(target ?? source), permissions && text(permissions)]
        .filter(Boolean)
        .join(':')
    }
    const device = text(item)
    return device.startsWith('/')
      ? device
      : refuse(item, 'it must be the path of a device node, such as /dev/i2c-1')
  })
}
