/** Who is asking at the registry: name and password, with which the engine fetches a token itself, or a token that we have. */
export type RegistryAuth =
  | { username: string; password: string; serveraddress: string }
  | { registrytoken: string }
  | { identitytoken: string; serveraddress: string }

/** The `X-Registry-Auth` header. The engine wants one even where nobody logs in, hence `{}`. */
export function registryAuthHeader(auth: RegistryAuth | undefined): Record<string, string> {
  return { 'x-registry-auth': Buffer.from(JSON.stringify(auth ?? {})).toString('base64url') }
}
