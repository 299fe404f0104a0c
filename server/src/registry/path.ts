/** What a path under `/v2/` names. `name` is the repository as the client calls it. */
export type Target =
  | { kind: 'root' }
  | { kind: 'manifest'; name: string; reference: string }
  | { kind: 'blob'; name: string; digest: string }
  | { kind: 'uploads'; name: string }
  | { kind: 'upload'; name: string; id: string }
  | { kind: 'tags'; name: string }
  | { kind: 'referrers'; name: string; digest: string }

const patterns: [RegExp, (name: string, rest: string) => Target][] = [
  [/^(.+)\/blobs\/uploads\/()$/, (name) => ({ kind: 'uploads', name })],
  [/^(.+)\/blobs\/uploads()$/, (name) => ({ kind: 'uploads', name })],
  [/^(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ kind: 'upload', name, id })],
  [/^(.+)\/blobs\/([^/]+)$/, (name, digest) => ({ kind: 'blob', name, digest })],
  [/^(.+)\/manifests\/([^/]+)$/, (name, reference) => ({ kind: 'manifest', name, reference })],
  [/^(.+)\/tags\/list()$/, (name) => ({ kind: 'tags', name })],
  [/^(.+)\/referrers\/([^/]+)$/, (name, digest) => ({ kind: 'referrers', name, digest })],
]

/** Reads the path of a request; undefined when the specification has nothing at that place. */
export function parsePath(pathname: string): Target | undefined {
  if (pathname === '/v2/' || pathname === '/v2') return { kind: 'root' }
  let rest: string
  try {
    rest = decodeURIComponent(pathname.slice('/v2/'.length))
  } catch {
    return undefined
  }
  for (const [pattern, make] of patterns) {
    const found = pattern.exec(rest)
    if (found) return make(found[1]!, found[2]!)
  }
  return undefined
}

/** A repository's name by the grammar of the OCI distribution specification. */
export const isRepositoryName = (name: string): boolean =>
  name.length <= 255 &&
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(name)

export const isDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text)

export const isTag = (text: string): boolean => /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(text)
