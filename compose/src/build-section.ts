// `build` of a service, as it stands in the compose file.
import type { Variables } from './interpolate.ts'
import type { Warning } from './project-error.ts'
import {
  amount,
  commandLine,
  entries,
  isNull,
  nullableTextMap,
  onlyKeys,
  refuse,
  text,
  textMap,
  type TextMap,
} from './values.ts'
import { extraHosts } from './ports.ts'
import type { Node } from './yaml.ts'

export type BuildSection = {
  /** Relative to the compose file, without `./` in front. */
  context: string
  dockerfile?: string
  target?: string
  args?: TextMap
  labels?: TextMap
  cache_from?: string[]
  shm_size?: number | string
  extra_hosts?: string[]
}

const REFUSED = [
  'additional_contexts',
  'cache_to',
  'dockerfile_inline',
  'entitlements',
  'isolation',
  'network',
  'no_cache',
  'platforms',
  'privileged',
  'pull',
  'secrets',
  'ssh',
  'tags',
  'ulimits',
]
const WITHOUT_EFFECT = ['provenance', 'sbom']
const TAKEN = ['context', 'dockerfile', 'args', 'target', 'labels', 'cache_from', 'shm_size', 'extra_hosts']

export function buildSection(node: Node, variables: Variables, warnings: Warning[]): BuildSection {
  if (node.kind === 'scalar') return { context: context(node) }
  onlyKeys(node, [...TAKEN, ...WITHOUT_EFFECT], (key) =>
    REFUSED.includes(key) ? 'the platform decides this for its builds · remove the key' : undefined,
  )
  const where = entries(node).get('context')
  const out: BuildSection = { context: where ? context(where) : '.' }
  for (const [key, value] of entries(node)) {
    if (isNull(value)) continue
    if (key === 'dockerfile' || key === 'target') out[key] = text(value)
    else if (key === 'labels') out.labels = textMap(value)
    else if (key === 'args') out.args = buildArgs(value, variables)
    else if (key === 'cache_from') out.cache_from = [commandLine(value)].flat()
    else if (key === 'shm_size') out.shm_size = amount(value)
    else if (key === 'extra_hosts') out.extra_hosts = extraHosts(value)
    else if (WITHOUT_EFFECT.includes(key))
      warnings.push({ text: `${value.where.key} has no effect here`, line: value.where.line ?? 1 })
  }
  return out
}

function context(node: Node): string {
  const path = text(node)
  if (/^[a-z+]+:\/\/|^git@|\.git(?:[#:]|$)/.test(path))
    return refuse(node, 'a build takes what was pushed, not a remote repository')
  if (path.startsWith('/'))
    return refuse(node, 'it must be a folder of the project, relative to the compose file')
  return path.replace(/^(?:\.\/+)+/, '').replace(/\/+$/, '') || '.'
}

/** An argument without a value takes that of a variable of the same name; without one, the Dockerfile's own default holds. */
function buildArgs(node: Node, variables: Variables): TextMap {
  const out: TextMap = {}
  for (const [name, { value }] of nullableTextMap(node)) {
    const known = value ?? variables.get(name)
    if (known !== undefined) out[name] = known
  }
  return out
}
