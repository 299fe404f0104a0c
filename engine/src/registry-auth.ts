/** Who is asking at the registry: name and password, with which the engine fetches a token itself, or a token that we have. */
export type RegistryAuth =
  | { username: string; password: string; serveraddress: string }
  | { registrytoken: string }
  | { identitytoken: string; serveraddress: string }

/** The `X-Registry-Auth` header. The engine wants one even where nobody logs in, hence `{}`. */
export function registryAuthHeader(auth: RegistryAuth | undefined): Record<string, string> {
  // With its padding: engines take what they cannot read for no login at all.
  const text = Buffer.from(JSON.stringify(auth ?? {})).toString('base64')
  return { 'x-registry-auth': text.replaceAll('+', '-').replaceAll('/', '_') }
}
