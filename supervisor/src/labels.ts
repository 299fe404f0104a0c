// Labels on what we make. The `io.balena` ones are the wire's, apps and people read them; ours begin with `io.copal`.
export const label = {
  supervised: 'io.balena.supervised',
  appId: 'io.balena.app-id',
  appUuid: 'io.balena.app-uuid',
  serviceId: 'io.balena.service-id',
  serviceName: 'io.balena.service-name',
  /** Digest of the wanted configuration that a container or network was made from. */
  config: 'io.copal.config',
  /** Release and image's location at the making; a rename may have moved the container on to another release. */
  commit: 'io.copal.commit',
  image: 'io.copal.image',
  namespace: 'io.copal.namespace',
} as const

const feature = 'io.balena.features.'

/** `io.resin.*` is an older spelling of `io.balena.*`. */
export function modernLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(labels)) {
    result[name.replace(/^io\.resin\./, 'io.balena.')] = value
  }
  return result
}

/** Whether a feature such as `dbus` is asked for. */
export function hasFeature(labels: Readonly<Record<string, string>>, name: string): boolean {
  return isTruthy(labels[feature + name])
}

/** `1`, `true` and `on`, as people write them. */
export function isTruthy(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'on'].includes(value.trim().toLowerCase())
}
