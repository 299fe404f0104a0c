// The platform, over HTTP(S): one place that knows its address, its certificate and our key.
import http from 'node:http'
import https from 'node:https'
import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { ClientRequest, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Asking {
  headers?: OutgoingHttpHeaders
  /** Sent as JSON. */
  body?: unknown
  signal?: AbortSignal
  /** Another key than the device's. */
  key?: string
}

/** Longest wait for an answer, in ms (the wire's default for devices). */
const patience = 59_000

/** What TLS says when no authority that is believed has signed. */
const unknownAuthority = new Set([
  'CERT_SIGNATURE_FAILURE', // signed by one of the same name
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

export class Platform {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly #key: string
  readonly #ca: string | undefined
  readonly #givenPath: string | undefined
  #agent: http.Agent
  #believesAll = false
  #context: SecureContext | undefined

  /**
   * @param rootCa PEM in base64, as config.json has it, one certificate or several; trusted besides those that the machine believes
   * @param given path of a PEM file with authorities that the machine was given, besides those built in
   */
  constructor(endpoint: string, key: string, rootCa?: string, given?: string) {
    this.#givenPath = given
    this.endpoint = endpoint.replace(/\/+$/, '')
    this.#key = key
    this.#ca = rootCa ? Buffer.from(rootCa, 'base64').toString('utf8') : undefined
    this.#agent = this.#makeAgent()
  }

  get secure(): boolean {
    return this.endpoint.startsWith('https:')
  }

  close(): void {
    this.#agent.destroy()
  }

  /**
   * TLS options: which authorities are believed. One context for all connections, and at first with the platform's own authority
   * alone: those that the machine believes take 3 MB, and are needed only where one of them signs for the platform.
   */
  trust(): { secureContext?: SecureContext } {
    if (this.#ca === undefined || !this.secure) return {}
    this.#context ??= createSecureContext({
      ca: this.#believesAll ? [this.#ca, ...rootCertificates, ...this.#given()] : this.#ca,
    })
    return { secureContext: this.#context }
  }

  /**
   * Hears how a connection failed. Where the platform's certificate comes from another authority, those that the machine believes
   * (built in or given) count from now on. True when it is worth trying again.
   */
  doubt(error: NodeJS.ErrnoException): boolean {
    if (this.#ca === undefined || this.#believesAll || !unknownAuthority.has(error.code ?? '')) return false
    this.#believesAll = true
    this.#context = undefined
    this.#agent.destroy()
    this.#agent = this.#makeAgent()
    return true
  }

  /** Authorities that the machine was given; a file that cannot be read is none. */
  #given(): string[] {
    try {
      return this.#givenPath ? [readFileSync(this.#givenPath, 'utf8')] : []
    } catch {
      return []
    }
  }

  #makeAgent(): http.Agent {
    // Connections are kept for a short while only, and the kernel does not probe them: an idle device sends nothing.
    const kept = { keepAlive: true, keepAliveMsecs: 300_000, maxFreeSockets: 1, timeout: 20_000 }
    return this.secure ? new https.Agent({ ...kept, ...this.trust() }) : new http.Agent(kept)
  }

  authorization(key = this.#key): { authorization: string } {
    return { authorization: `Bearer ${key}` }
  }

  /**
   * Asks and waits for the whole answer, whatever its status.
   * @throws Error when no answer comes within 59 s
   */
  async ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const body = asking.body === undefined ? undefined : JSON.stringify(asking.body)
    return new Promise((resolve, reject) => {
      const request = this.open(method, path, {
        ...this.authorization(asking.key),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...asking.headers,
      })
      const clock = setTimeout(
        () => request.destroy(new Error(`no answer from ${this.endpoint} within ${patience / 1000} s`)),
        patience,
      )
      const abort = () => request.destroy(asking.signal?.reason as Error)
      asking.signal?.addEventListener('abort', abort, { once: true })
      request.on('close', () => {
        clearTimeout(clock)
        asking.signal?.removeEventListener('abort', abort)
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (this.doubt(error)) return void this.ask(method, path, asking).then(resolve, reject)
        // A kept connection that the other side had just closed: nothing of this request was handled.
        if (request.reusedSocket && error.code === 'ECONNRESET' && !asking.signal?.aborted) {
          this.ask(method, path, asking).then(resolve, reject)
        } else reject(error)
      })
      request.on('response', (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      })
      request.end(body)
    })
  }

  /** A request whose body and answer the caller handles. */
  open(method: string, path: string, headers: OutgoingHttpHeaders, base = this.endpoint): ClientRequest {
    const options = { method, headers, agent: this.#agent }
    return this.secure ? https.request(base + path, options) : http.request(base + path, options)
  }
}

/** `400 Bad thing`, for logs: status and the beginning of what was said. */
export function summaryOf({ status, text }: Answer): string {
  const words = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
  return words === '' ? String(status) : `${status} ${words}`
}
