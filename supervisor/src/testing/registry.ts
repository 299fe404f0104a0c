// Images for tests, as a registry serves them: made in memory, fetched by the real engine with the token dance.
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

export interface TestImage {
  /** `v2/<hash>@sha256:…`; put the registry's host in front. */
  location: string
  digest: string
}

export class TestRegistry {
  /** Names of blobs that were asked for. */
  readonly served: string[] = []
  /** Ms that every blob is held back. */
  delay = 0
  readonly #blobs = new Map<string, Buffer>()
  readonly #manifests = new Map<string, Buffer>()
  readonly #base: Buffer
  readonly #allowed: (user: string, password: string) => boolean

  /** @param base tar of a root file system */
  constructor(base: Buffer, allowed: (user: string, password: string) => boolean) {
    this.#base = base
    this.#allowed = allowed
  }

  /** An image that runs a line of shell. `mark` makes two of the same line different. */
  add(script: string, mark = ''): TestImage {
    const layers = [this.#base].map((tar) => ({ tar, blob: this.#keep(gzipSync(tar, { level: 1 })) }))
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
    return { location: `v2/${randomBytes(16).toString('hex')}@${digest}`, digest }
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
      setTimeout(() => response.writeHead(200, { 'content-length': blob.length }).end(blob), this.delay)
      return
    }
    response.writeHead(pathname === '/v2/' ? 200 : 404).end('{}')
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
