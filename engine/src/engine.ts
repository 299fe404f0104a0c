// One Docker Engine, over its socket. Everything else in this package is functions that take an `Engine` first.
import http from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { defaultAddress, parseAddress } from './address.ts'
import type { EngineAddress } from './address.ts'
import { EngineError } from './errors.ts'
import { negotiate } from './version.ts'

export interface RequestOptions {
  query?: Record<string, QueryValue> | undefined
  headers?: OutgoingHttpHeaders | undefined
  /** A stream or bytes go as they are; anything else as JSON. */
  body?: unknown
  /** Ends the request, and the answer's stream with it. */
  signal?: AbortSignal | undefined
}

/** `undefined` leaves the parameter out; objects go as JSON, which is how the engine takes filters. */
export type QueryValue = string | number | boolean | object | undefined

export class Engine implements Disposable {
  readonly address: EngineAddress
  readonly #agent = new http.Agent({ keepAlive: true, maxFreeSockets: 4 })
  #version: Promise<string> | undefined

  /** @param address as in `DOCKER_HOST`; nothing is sent before the first request */
  constructor(address: string = defaultAddress) {
    this.address = parseAddress(address)
  }

  /** Closes idle connections and ends those in use. */
  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  /** The API version spoken with this engine, such as `1.41`. Asked once; asked again after a failure. */
  version(): Promise<string> {
    this.#version ??= this.#ask().catch((error: unknown) => {
      this.#version = undefined
      throw error
    })
    return this.#version
  }

  async #ask(): Promise<string> {
    const answer = await this.send('GET', '/_ping', {})
    answer.resume()
    return negotiate(answer.headers['api-version'])
  }

  /**
   * Sends a request and gives the answer with its body unread: the caller reads or destroys it.
   * @param path without the version, such as `/containers/json`
   * @throws EngineError for status 400 and above, and when the engine can't be reached; the signal's reason when aborted
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    return this.send(method, `/v${await this.version()}${path}`, options)
  }

  /** A request whose whole answer is JSON. An empty answer gives `undefined`. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const text = await readText(await this.request(method, path, options))
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** A request whose answer does not matter beyond its success. */
  async done(method: string, path: string, options: RequestOptions = {}): Promise<void> {
    await readText(await this.request(method, path, options))
  }

  /** A request that turns its connection into a two-way stream (exec, attach). */
  async upgrade(method: string, path: string, options: RequestOptions = {}): Promise<Duplex> {
    const versioned = `/v${await this.version()}${path}`
    const { promise, resolve, reject } = withResolvers<Duplex>()
    const request = this.#start(method, versioned, options, {
      connection: 'Upgrade',
      upgrade: options.headers?.['upgrade'] ?? 'tcp',
    })
    request.on('upgrade', (_answer, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      options.signal?.addEventListener('abort', () => socket.destroy(), { once: true })
      resolve(socket)
    })
    request.on('response', (answer) => {
      refusal(answer).then(reject, reject)
    })
    request.on('error', (error) => reject(this.#trouble(error, options.signal)))
    finish(request, options.body)
    return promise
  }

  private send(method: string, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const { promise, resolve, reject } = withResolvers<IncomingMessage>()
    const { signal } = options
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    const request = this.#start(method, path, options, {})
    const abort = () => request.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    request.on('close', () => signal?.removeEventListener('abort', abort))
    request.on('response', (answer) => {
      // Without this an aborted stream would end with "aborted", which says nothing of why.
      const cut = () => answer.destroy(signal?.reason as Error)
      signal?.addEventListener('abort', cut, { once: true })
      answer.on('close', () => signal?.removeEventListener('abort', cut))
      if ((answer.statusCode ?? 500) >= 400) refusal(answer).then(reject, reject)
      else resolve(answer)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The engine may close a kept connection just when it is used again; nothing of this request was handled then.
      const stale = request.reusedSocket && error.code === 'ECONNRESET' && !isStream(options.body)
      if (stale && !signal?.aborted) this.send(method, path, options).then(resolve, reject)
      else reject(this.#trouble(error, signal))
    })
    finish(request, options.body)
    return promise
  }

  #start(method: string, path: string, options: RequestOptions, extra: OutgoingHttpHeaders) {
    return http.request({
      ...this.address,
      agent: this.#agent,
      method,
      path: path + queryText(options.query),
      headers: { host: 'engine', ...bodyHeaders(options.body), ...options.headers, ...extra },
    })
  }

  #trouble(error: NodeJS.ErrnoException, signal: AbortSignal | undefined): Error {
    if (signal?.aborted) return signal.reason as Error
    const { address } = this
    const where =
      'socketPath' in address ? `unix://${address.socketPath}` : `tcp://${address.host}:${address.port}`
    return new EngineError(0, `cannot reach the engine at ${where}: ${error.message}`, { cause: error })
  }
}

/** The engine that `DOCKER_HOST` names, or the one at the usual socket. */
export function engineFromEnvironment(environment: NodeJS.ProcessEnv = process.env): Engine {
  return new Engine(environment['DOCKER_HOST'] || defaultAddress)
}

async function refusal(answer: IncomingMessage): Promise<EngineError> {
  const text = await readText(answer)
  return new EngineError(
    answer.statusCode ?? 0,
    messageOf(text) || `the engine answered ${answer.statusCode}`,
  )
}

function messageOf(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message ?? text).trim()
  } catch {
    return text.trim()
  }
}

/** Reads a stream to its end as UTF-8. */
export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function queryText(query: RequestOptions['query']): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue
    params.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

function bodyHeaders(body: unknown): OutgoingHttpHeaders {
  if (body === undefined) return {}
  if (isStream(body)) return { 'content-type': 'application/x-tar' }
  if (body instanceof Uint8Array) {
    return { 'content-type': 'application/x-tar', 'content-length': body.byteLength }
  }
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(JSON.stringify(body)) }
}

function finish(request: http.ClientRequest, body: unknown): void {
  if (body === undefined) request.end()
  else if (isStream(body)) {
    body.on('error', (error) => request.destroy(error))
    body.pipe(request)
  } else request.end(body instanceof Uint8Array ? body : JSON.stringify(body))
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}

// Promise.withResolvers came with Node 22; the supervisor runs on 20.
function withResolvers<T>() {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
