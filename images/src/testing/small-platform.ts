// As much of a platform as the keeper of a device's supervisor speaks with: a registry that gives images to anybody,
// and the question which supervisor the device should run. The whole one is proved with it in `e2e/`.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Engine } from '@copal/engine/engine.ts'
import { saveImages } from '@copal/engine/images.ts'
import { platformName } from '@copal/engine/nested.ts'
import { extract } from 'tar-stream'

export interface SmallPlatform extends AsyncDisposable {
  /** Host and port, as devices know them. */
  host: string
  /** PEM of what its certificate is signed by. */
  authority: string
  /** Puts an image of the engine into the registry. */
  publish(engine: Engine, image: string, repository: string): Promise<void>
  /** What the device is told; nothing at first. */
  wanted: { supervisor_version: string; image_name: string } | undefined
  /** True: connections are closed as they come. */
  away: boolean
  /** `Authorization` of the questions so far. */
  asked: (string | undefined)[]
}

interface Blob {
  type: string
  bytes: Buffer
}

/** On all addresses: which one a device's network reaches is the engine's to choose. */
export async function startSmallPlatform(folder: string): Promise<SmallPlatform> {
  const { key, cert } = makeCertificate(join(folder, 'platform'))
  const blobs = new Map<string, Blob>()
  const tags = new Map<string, string>()

  const server = createServer({ key, cert }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://platform')
    if (url.pathname === '/v6/supervisor_release') {
      platform.asked.push(request.headers.authorization)
      return void response.end(JSON.stringify({ d: platform.wanted ? [platform.wanted] : [] }))
    }
    if (url.pathname === '/v2/') return void response.end('{}')
    const [, repository = '', , reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? []
    const blob = blobs.get(tags.get(`${repository}:${reference}`) ?? reference)
    if (!blob) return void response.writeHead(404).end()
    response.writeHead(200, {
      'content-type': blob.type,
      'content-length': blob.bytes.length,
      'docker-content-digest': digestOf(blob.bytes),
    })
    response.end(request.method === 'HEAD' ? undefined : blob.bytes)
  })
  server.on('connection', (socket) => void (platform.away && socket.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))

  const put = (type: string, bytes: Buffer) => {
    const digest = digestOf(bytes)
    blobs.set(digest, { type, bytes })
    return { mediaType: type, digest, size: bytes.length }
  }
  const platform: SmallPlatform = {
    host: `${platformName}:${(server.address() as AddressInfo).port}`,
    authority: cert,
    wanted: undefined,
    away: false,
    asked: [],
    async publish(engine, image, repository) {
      const files = await filesOf(await saveImages(engine, [image]))
      const [{ Config, Layers }] = JSON.parse(String(files.get('manifest.json'))) as [
        { Config: string; Layers: string[] },
      ]
      const manifest = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: put('application/vnd.oci.image.config.v1+json', files.get(Config) as Buffer),
        layers: Layers.map((name) =>
          put('application/vnd.oci.image.layer.v1.tar', files.get(name) as Buffer),
        ),
      }
      const { digest } = put(manifest.mediaType, Buffer.from(JSON.stringify(manifest)))
      tags.set(`${repository}:latest`, digest)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return platform
}

function makeCertificate(folder: string): { key: string; cert: string } {
  mkdirSync(folder)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = ['-subj', `/CN=${platformName}`, '-addext', `subjectAltName=DNS:${platformName}`]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, ...names, ...files], { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

async function filesOf(tar: NodeJS.ReadableStream): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const links = new Map<string, string>()
  for await (const entry of tar.pipe(extract())) {
    const chunks: Uint8Array[] = []
    for await (const chunk of entry) chunks.push(chunk as Uint8Array)
    const { name, type, linkname } = entry.header
    if (type === 'file') files.set(name, Buffer.concat(chunks))
    // A layer that another image of the archive has, too.
    else if (type === 'symlink' && linkname) links.set(name, join(name, '..', linkname))
  }
  for (const [name, target] of links) files.set(name, files.get(target) as Buffer)
  return files
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
