import type { IncomingMessage } from 'node:http'
import { Problem } from '../problems.ts'
import { listReferrers, listTags } from './listings.ts'
import { findManifest, putManifest, removeManifest, touchManifest } from './manifests.ts'
import { isDigest } from './path.ts'
import { refusal } from './refusals.ts'
import type { Asked, Handlers } from './routes.ts'

const mostBytes = 4 * 1024 * 1024 // what the specification asks for at least
const mostTags = 1000

const sendManifest: Handlers[string] = {
  needs: 'pull',
  async answer(ctx, asked) {
    const { repository, access } = asked
    const reference = referenceIn(asked)
    // Whoever may push and is told that it is here will not send it again.
    if (access.may(repository, 'push')) await touchManifest(ctx, repository, reference)
    const found = await findManifest(ctx, repository, reference)
    if (!found) throw unknown(reference)
    asked.response.writeHead(200, {
      'Content-Type': found.mediaType,
      'Content-Length': found.content.length,
      'Docker-Content-Digest': found.digest,
      ETag: `"${found.digest}"`,
    })
    asked.response.end(asked.request.method === 'HEAD' ? undefined : found.content)
  },
}

export const manifestHandlers: Handlers = {
  'GET manifest': sendManifest,
  'HEAD manifest': sendManifest,

  'PUT manifest': {
    needs: 'push',
    async answer(ctx, asked) {
      const { repository, called, access, request } = asked
      const { digest, subject } = await putManifest(ctx, {
        repository,
        reference: referenceIn(asked),
        mediaType: request.headers['content-type'] ?? '',
        content: await bodyOf(request),
        readable: access.readable,
      })
      asked.response
        .writeHead(201, {
          Location: `/v2/${called}/manifests/${digest}`,
          'Docker-Content-Digest': digest,
          'Content-Length': 0,
          ...(subject && { 'OCI-Subject': subject }),
        })
        .end()
    },
  },

  'DELETE manifest': {
    needs: 'delete',
    async answer(ctx, asked) {
      const reference = referenceIn(asked)
      if (!(await removeManifest(ctx, asked.repository, reference))) throw unknown(reference)
      asked.response.writeHead(202, { 'Content-Length': 0 }).end()
    },
  },

  'GET tags': {
    needs: 'pull',
    async answer(ctx, asked) {
      const { repository, called, query } = asked
      const wanted = query.has('n') ? Number(query.get('n')) : mostTags
      if (!Number.isInteger(wanted) || wanted < 0)
        throw new Problem(400, 'UNSUPPORTED', `cannot list ${query.get('n')} tags · n is a number`)
      const most = Math.min(wanted, mostTags)
      const listed = await listTags(ctx, repository, { last: query.get('last') ?? undefined, most })
      if (!listed) throw refusal('NAME_UNKNOWN', `cannot list tags: nothing was ever pushed to ${called}`)
      const next = listed.more && most > 0 && `/v2/${called}/tags/list?n=${most}&last=${listed.tags.at(-1)}`
      sendJson(
        asked,
        'application/json',
        { name: called, tags: listed.tags },
        next ? { Link: `<${next}>; rel="next"` } : {},
      )
    },
  },

  'GET referrers': {
    needs: 'pull',
    async answer(ctx, asked) {
      const digest = 'digest' in asked.target ? asked.target.digest : ''
      if (!isDigest(digest))
        throw refusal('DIGEST_INVALID', `cannot list referrers of ${JSON.stringify(digest)}`)
      const artifactType = asked.query.get('artifactType') ?? undefined
      const index = await listReferrers(ctx, asked.repository, digest, artifactType)
      sendJson(
        asked,
        'application/vnd.oci.image.index.v1+json',
        index,
        artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' },
      )
    },
  },
}

function sendJson({ response }: Asked, type: string, body: object, headers: Record<string, string>): void {
  const text = JSON.stringify(body)
  response
    .writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), ...headers })
    .end(text)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes)
      throw new Problem(413, 'SIZE_INVALID', `cannot take a manifest of more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const referenceIn = ({ target }: Asked): string => ('reference' in target ? target.reference : '')

const unknown = (reference: string) =>
  refusal('MANIFEST_UNKNOWN', `cannot find manifest ${reference} in this repository`)
