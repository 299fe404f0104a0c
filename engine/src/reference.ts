export interface ImageReference {
  /** Everything before tag or digest, such as `registry.example:5000/v2/0a1b`. */
  repository: string
  tag: string | undefined
  /** `sha256:…` */
  digest: string | undefined
}

/** Takes an image's reference apart. A colon before the last slash belongs to the registry's port. */
export function parseReference(reference: string): ImageReference {
  const at = reference.indexOf('@')
  const named = at === -1 ? reference : reference.slice(0, at)
  const digest = at === -1 ? undefined : reference.slice(at + 1)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  if (colon === -1) return { repository: named, tag: undefined, digest }
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1), digest }
}
