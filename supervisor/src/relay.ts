// A registry on loopback, from which this device's engine pulls: what the platform's registry gives passes through, and layers stay on
// the disk until their image has arrived. The engine forgets a download that is broken off, finished layers and all; here it goes on
// where it was, whoever died, and whoever was cut off (docs/decisions/downloads.md).
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RegistryAuth } from '@copal/engine/registry-auth.ts'
import type { Device } from './device.ts'
import { KeptBlobs, type KeptBlob } from './kept-blobs.ts'
import { log, reasonOf } from './log.ts'
import type { Platform } from './platform.ts'
import { contentOf, locationOf, registryOf } from './references.ts'
import { Registry } from './registry.ts'

/** Smaller blobs are not worth a write to the disk. */
const leastKept = 256 * 1024

export class Relay {
  readonly #registry: Registry
  readonly #blobs: KeptBlobs
  readonly #server: Server
  /** Nobody else on this device may read its images here. */
  readonly #password = randomBytes(16).toString('hex')
  /** Repository, without host → its host, and the image that is fetched from it. */
  readonly #repositories = new Map<string, { host: string; image: string }>()
  readonly #stopping = new AbortController()

  private constructor(device: Device, platform: Platform) {
    this.#registry = new Registry(device, platform)
    this.#blobs = new KeptBlobs(join(device.settings.data, 'downloads'))
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async open(device: Device, platform: Platform): Promise<Relay> {
    const relay = new Relay(device, platform)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** How the engine finds an image here. */
  via(reference: string): { reference: string; auth: RegistryAuth } {
    const here = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    const location = locationOf(reference)
    const [repository = ''] = location.split(/[@:]/)
    this.#repositories.set(repository, { host: registryOf(reference), image: contentOf(reference) })
    const auth = { username: 'device', password: this.#password, serveraddress: here }
    return { reference: `${here}/${location}`, auth }
  }

  /** The image has arrived, or what we have of it is damaged. */
  async forget(reference: string): Promise<void> {
    await this.#blobs.forget(contentOf(reference))
  }

  /** Forgets what was kept of others than these. @param images contents */
  async keepOnly(images: ReadonlySet<string>): Promise<void> {
    await this.#blobs.keepOnly(images)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.on('close', () => gone.abort(new Error('the engine has hung up')))
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal])
    try {
      await this.#pass(request, response, signal)
    } catch (error) {
      if (signal.aborted) return
      log.warn(`cannot pass on ${request.url}: ${reasonOf(error)}`)
      if (response.headersSent) response.destroy()
      else refuse(response, 502, reasonOf(error))
    }
  }

  async #pass(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const login = Buffer.from(`device:${this.#password}`).toString('base64')
    if (request.headers.authorization !== `Basic ${login}`) {
      response.setHeader('www-authenticate', 'Basic realm="device"')
      return refuse(response, 401, 'this is for the engine of this device')
    }
    const url = request.url ?? ''
    if (url === '/v2/') return void response.end('{}')
    const [, name = '', path = ''] = /^\/v2\/(.+?)\/((?:manifests|blobs)\/[^/?]+)$/.exec(url) ?? []
    const repository = this.#repositories.get(name)
    if (repository === undefined) return refuse(response, 404, `${url} is not being fetched`)
    const ask = (headers: Record<string, string>) =>
      this.#registry.ask(request.method ?? 'GET', `${repository.host}/${name}`, path, headers, signal)
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const digest = request.method === 'GET' && path.startsWith('blobs/') ? path.slice(6) : undefined
    await using kept = digest === undefined ? null : await this.#blobs.open(repository.image, digest)
    if (kept?.isWhole) {
      answerPart(response, from, kept.size)
      return pipeline(kept.read(from), response, { signal })
    }
    // What lies before what the engine asks for is not fetched for its own sake.
    const start = kept === null || from > kept.size ? from : kept.size
    const answer = await ask({
      ...(request.headers.accept === undefined ? {} : { accept: request.headers.accept }),
      ...(start > 0 ? { range: `bytes=${start}-` } : {}),
    })
    if (kept === null || from > kept.size || !(await fits(answer, kept)))
      return passThrough(answer, response, signal)
    answerPart(response, from, start + Number(answer.headers['content-length']))
    await pipeline(both(kept, from, answer), response, { signal })
  }
}

/** First what is here, then what comes, which is kept as it passes. */
async function* both(kept: KeptBlob, from: number, coming: Readable): AsyncGenerator<Buffer> {
  yield* kept.read(from) as AsyncIterable<Buffer>
  let keeps = true
  for await (const chunk of coming as AsyncIterable<Buffer>) {
    keeps &&= await kept.append(chunk)
    yield chunk
  }
  if (keeps) await kept.finish()
}

/** Whether an answer goes on where what we have ends, and is worth being kept. */
async function fits({ statusCode, headers }: IncomingMessage, kept: KeptBlob): Promise<boolean> {
  const length = Number(headers['content-length'])
  if (kept.size === 0) return statusCode === 200 && length >= leastKept
  const goesOn =
    statusCode === 206 && headers['content-range']?.startsWith(`bytes ${kept.size}-`) && length > 0
  if (!goesOn) await kept.drop()
  return goesOn === true
}

async function passThrough(
  answer: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  // The engine would take 401 for a question about its password.
  response.statusCode = answer.statusCode === 401 ? 403 : (answer.statusCode ?? 502)
  const names = ['content-type', 'content-length', 'content-range', 'docker-content-digest']
  for (const name of names) {
    const value = answer.headers[name]
    if (value !== undefined) response.setHeader(name, value)
  }
  await pipeline(answer, response, { signal })
}

function answerPart(response: ServerResponse, from: number, size: number): void {
  response.writeHead(from > 0 ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': size - from,
    ...(from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {}),
  })
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ errors: [{ code: 'UNKNOWN', message }] }))
}
