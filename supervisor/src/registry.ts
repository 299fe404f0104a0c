// The platform's registry, as the device asks it: with a token of minutes, and wherever it sends us for the bytes.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Device } from './device.ts'
import type { Platform } from './platform.ts'
import { text } from './wanted.ts'

/** Without a byte for so long, in ms, an answer counts as broken off. */
const longestSilence = 60_000
const mostRedirects = 5

export class Registry {
  readonly #device: Pick<Device, 'uuid' | 'key'>
  readonly #platform: Platform
  /** Repository → token; one that is refused is fetched anew. */
  readonly #tokens = new Map<string, string>()

  constructor(device: Pick<Device, 'uuid' | 'key'>, platform: Platform) {
    this.#device = device
    this.#platform = platform
  }

  /**
   * Asks for what a repository has; gives the answer with its body to come, whatever its status.
   * @param repository host and name, as in `registry.example/v2/0a1b…`
   * @param path such as `blobs/sha256:…`
   */
  async ask(
    method: string,
    repository: string,
    path: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const slash = repository.indexOf('/')
    const scheme = this.#platform.secure ? 'https' : 'http'
    const url = `${scheme}://${repository.slice(0, slash)}/v2/${repository.slice(slash + 1)}/${path}`
    const first = await this.#follow(method, url, { ...headers, ...this.#authorization(repository) }, signal)
    const challenge = first.headers['www-authenticate'] ?? ''
    if (first.statusCode !== 401 || !/^Bearer /i.test(challenge)) return first
    first.resume()
    this.#tokens.set(repository, await this.#fetchToken(challenge, signal))
    return this.#follow(method, url, { ...headers, ...this.#authorization(repository) }, signal)
  }

  #authorization(repository: string): { authorization?: string } {
    const token = this.#tokens.get(repository)
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  /** Bytes may lie elsewhere; what is meant for the registry is not told there. */
  async #follow(
    method: string,
    url: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    let [next, sent] = [url, headers]
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once(method, next, sent, signal)
      const { location } = answer.headers
      if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || location === undefined) return answer
      answer.resume()
      if (redirects === mostRedirects) throw new Error(`${url} leads from one place to another without end`)
      const to = new URL(location, next)
      if (to.origin !== new URL(next).origin) sent = { ...sent, authorization: undefined }
      next = to.href
    }
  }

  #once(
    method: string,
    url: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { origin } = new URL(url)
    const said = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    return new Promise((resolve, reject) => {
      const request = this.#platform.open(method, url.slice(origin.length), said, origin)
      const abort = () => request.destroy(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      request.setTimeout(longestSilence, () =>
        request.destroy(new Error(`${origin} was silent for ${longestSilence / 1000} s`)),
      )
      request.on('close', () => signal.removeEventListener('abort', abort))
      request.on('response', resolve)
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (this.#platform.doubt(error)) this.#once(method, url, headers, signal).then(resolve, reject)
        else reject(error)
      })
      request.end()
    })
  }

  /** @param challenge `Bearer realm="…",service="…",scope="…"` */
  async #fetchToken(challenge: string, signal: AbortSignal): Promise<string> {
    const asked = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    const url = new URL(asked['realm'] ?? '')
    for (const name of ['service', 'scope']) if (asked[name]) url.searchParams.set(name, asked[name])
    const login = Buffer.from(`d_${this.#device.uuid}:${this.#device.key}`).toString('base64')
    const answer = await this.#follow('GET', url.href, { authorization: `Basic ${login}` }, signal)
    const chunks: Uint8Array[] = []
    for await (const chunk of answer) chunks.push(chunk as Uint8Array)
    const said = Buffer.concat(chunks).toString('utf8')
    if (answer.statusCode !== 200)
      throw new Error(`the registry's token was answered ${answer.statusCode} ${said.slice(0, 200)}`)
    const { token, access_token: other } = JSON.parse(said) as Record<string, unknown>
    return text(token) || text(other)
  }
}
