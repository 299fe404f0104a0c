// Images for tests, as a registry serves them: made in memory, fetched by the real engine with the token dance.
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

export interface TestImage {
  /** `v2/<hash>@sha256:…`; put the registry's host in front. */
  location: string
  digest: string
}

export class TestRegistry {
  /** Names of blobs that were asked for. */
  readonly served: string[] = []
  /** Of all its images. */
  readonly locations: string[] = []
  /** Ms that every blob is held back. */
  delay = 0
  /** Bytes of a blob that go out in a second; 0: all at once. */
  bytesPerSecond = 0
  /** Blob → bytes of it that went out. */
  readonly sent = new Map<string, number>()
  readonly #blobs = new Map<string, Buffer>()
  readonly #manifests = new Map<string, Buffer>()
  readonly #base: Buffer
  readonly #allowed: (user: string, password: string) => boolean

  /** @param base tar of a root file system */
  constructor(base: Buffer, allowed: (user: string, password: string) => boolean) {
    this.#base = base
    this.#allowed = allowed
  }

  /** Bytes that went out, all together. */
  get bytesSent(): number {
    return [...this.sent.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  /** Of those, bytes that had gone out before. */
  get bytesSentTwice(): number {
    const twice = ([digest, sent]: [string, number]) => Math.max(0, sent - this.#blobs.get(digest)!.length)
    return [...this.sent].reduce((sum, one) => sum + twice(one), 0)
  }

  /** An image that runs a line of shell. `mark` makes two of the same line different; `sizes` adds layers of so many random bytes. */
  add(script: string, mark = '', sizes: number[] = []): TestImage {
    const more = sizes.map((size, index) => tarOf(`random-${index}`, randomBytes(size)))
    const layers = [this.#base, ...more].map((tar) => ({
      tar,
      blob: this.#keep(gzipSync(tar, { level: 1 })),
    }))
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        config: { Env: ['PATH=/bin'], Cmd: ['sh', '-c', script], Labels: { mark } },
        rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
      }),
    )
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        config: {
          mediaType: 'application/vnd.docker.container.image.v1+json',
          size: config.length,
          digest: this.#keep(config),
        },
        layers: layers.map(({ blob }) => ({
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: this.#blobs.get(blob)?.length,
          digest: blob,
        })),
      }),
    )
    const digest = digestOf(manifest)
    this.#manifests.set(digest, manifest)
    const location = `v2/${randomBytes(16).toString('hex')}@${digest}`
    this.locations.push(location)
    return { location, digest }
  }

  /** Answers what begins with `/v2/` or `/auth/`. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://registry')
    const host = request.headers.host ?? ''
    if (pathname === '/auth/v1/token') return this.#token(request, response)
    if (request.headers.authorization !== 'Bearer test-token') {
      const challenge = `Bearer realm="http://${host}/auth/v1/token",service="test"`
      response.writeHead(401, { 'www-authenticate': challenge }).end()
      return
    }
    const digest = pathname.slice(pathname.lastIndexOf('/') + 1)
    const manifest = pathname.includes('/manifests/') ? this.#manifests.get(digest) : undefined
    if (manifest !== undefined) {
      response
        .writeHead(200, {
          'content-type': 'application/vnd.docker.distribution.manifest.v2+json',
          'content-length': manifest.length,
          'docker-content-digest': digest,
        })
        .end(request.method === 'HEAD' ? undefined : manifest)
      return
    }
    const blob = pathname.includes('/blobs/') ? this.#blobs.get(digest) : undefined
    if (blob !== undefined) {
      this.served.push(digest)
      setTimeout(() => void this.#send(request, response, digest, blob), this.delay)
      return
    }
    response.writeHead(pathname === '/v2/' ? 200 : 404).end('{}')
  }

  /** From where the request says on, at the pace that is set. */
  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    digest: string,
    blob: Buffer,
  ): Promise<void> {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const range = `bytes ${from}-${blob.length - 1}/${blob.length}`
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': blob.length - from,
      'accept-ranges': 'bytes',
      ...(from > 0 ? { 'content-range': range } : {}),
    })
    const step = this.bytesPerSecond > 0 ? Math.ceil(this.bytesPerSecond / 20) : blob.length
    for (let at = from; at < blob.length && !response.destroyed; at += step) {
      const piece = blob.subarray(at, at + step)
      this.sent.set(digest, (this.sent.get(digest) ?? 0) + piece.length)
      response.write(piece)
      if (this.bytesPerSecond > 0) await sleep(50)
    }
    response.end()
  }

  #token(request: IncomingMessage, response: ServerResponse): void {
    const [, basic = ''] = /^Basic (.*)$/.exec(request.headers.authorization ?? '') ?? []
    const [user = '', password = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':')
    if (!this.#allowed(user, password)) response.writeHead(401).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{"token":"test-token"}')
  }

  #keep(blob: Buffer): string {
    const digest = digestOf(blob)
    this.#blobs.set(digest, blob)
    return digest
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** An archive of one file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
  header.write(name)
  header.write(octal(0o644, 8), 100)
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(content.length, 12), 124)
  header.write(octal(0, 12), 136)
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([
    header,
    content,
    Buffer.alloc((512 - (content.length % 512)) % 512),
    Buffer.alloc(1024),
  ])
}
