// Where an engine listens, as `DOCKER_HOST` spells it.
export type EngineAddress = { socketPath: string } | { host: string; port: number }

export const defaultAddress = 'unix:///var/run/docker.sock'

/**
 * Reads `unix:///path`, a bare `/path`, or `tcp://host[:port]` (port 2375 when absent). TLS is not spoken.
 * @throws TypeError for anything else
 */
export function parseAddress(text: string): EngineAddress {
  if (text.startsWith('/')) return { socketPath: text }
  if (text.startsWith('unix://') && text.length > 'unix://'.length) {
    return { socketPath: text.slice('unix://'.length) }
  }
  if (/^(?:tcp|http):\/\//.test(text)) {
    const url = new URL(text.replace(/^tcp:/, 'http:'))
    const port = url.port === '' ? (text.startsWith('tcp:') ? 2375 : 80) : Number(url.port)
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
  }
  throw new TypeError(`cannot read the engine's address "${text}" · write unix:///path or tcp://host:port`)
}
