/** One `scope` of a token request: `repository:<name>:<action>,<action>`. */
export interface Scope {
  type: string
  name: string
  actions: string[]
}

/**
 * Reads the scopes of a token request in all their spellings: repeated (`scope=a&scope=b`), indexed (`scope[0]=a`), and
 * several in one, parted by spaces. What cannot be read is left out, as nothing can be granted for it.
 */
export function parseScopes(query: string): Scope[] {
  const texts = [...new URLSearchParams(query)]
    .filter(([key]) => /^scope(?:\[\d*\])?$/.test(key))
    .flatMap(([, value]) => value.split(' '))
  return texts.flatMap((text) => {
    // A name may begin with a host and port, so only the first and the last colon count.
    const [, type, name, actions] = /^([a-z]+)(?:\([a-z0-9]+\))?:(.+):([a-z*,]*)$/.exec(text) ?? []
    return type && name ? [{ type, name, actions: (actions ?? '').split(',').filter(Boolean) }] : []
  })
}
