// What image a reference means. The registry's host may change without the image changing, so it never counts.

/** `v2/<hash>@sha256:…` of a reference, without the registry's host. */
export function locationOf(reference: string): string {
  const slash = reference.indexOf('/')
  const first = slash === -1 ? '' : reference.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return isHost ? reference.slice(slash + 1) : reference
}

/** What an image is, whatever it is called: its digest, or its location and tag where nothing says the digest. */
export function contentOf(reference: string): string {
  const at = reference.indexOf('@')
  if (at !== -1) return reference.slice(at + 1)
  const location = locationOf(reference)
  return location.includes(':') ? location : `${location}:latest`
}

/** The registry's host, to log in at; empty when the reference names none. */
export function registryOf(reference: string): string {
  const location = locationOf(reference)
  return reference.slice(0, reference.length - location.length).replace(/\/$/, '')
}
