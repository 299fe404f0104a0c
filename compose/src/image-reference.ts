// Names of images, as loosely as they are used: `alpine`, `node:20`, `host:5000/a/b@sha256:…`, and the paths of block registries, which
// have three or four parts, one of them perhaps a version: `bh.cr/owner/fleet-arch/1.2.3`.

export type ImageReference = {
  /** Absent for the hub's own names. */
  registry?: string
  /** As written, without `library/`. */
  repository: string
  tag?: string
  digest?: string
}

const PART = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+|\+)[a-z0-9]+)*$/
const REGISTRY = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::\d{1,5})?$/
const TAG = /^[\w][\w.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/

/** Undefined for what no registry could answer to. */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > 512) return undefined
  const [named = '', digest, more] = text.split('@')
  if (more !== undefined || (digest !== undefined && !DIGEST.test(digest))) return undefined
  const slash = named.indexOf('/')
  const first = named.slice(0, Math.max(0, slash))
  // The first part is a host only when it looks like one; else it is an owner on the hub.
  const isHost = slash !== -1 && (/[.:A-Z]/.test(first) || first === 'localhost')
  if (isHost && !REGISTRY.test(first)) return undefined
  const path = isHost ? named.slice(slash + 1) : named
  const colon = path.lastIndexOf(':')
  const tag = colon > path.lastIndexOf('/') ? path.slice(colon + 1) : undefined
  const repository = tag === undefined ? path : path.slice(0, colon)
  if (tag !== undefined && !TAG.test(tag)) return undefined
  if (!repository.split('/').every((part) => PART.test(part))) return undefined
  return {
    ...(isHost ? { registry: first } : {}),
    repository,
    ...(tag ? { tag } : {}),
    ...(digest ? { digest } : {}),
  }
}

export function formatImageReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry ? `${registry}/` : ''}${repository}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`
}
