import type { IncomingMessage } from 'node:http'
import type { Context } from '../context.ts'
import { linkBlob } from './blobs.ts'
import { isDigest } from './path.ts'
import { parseChunkRange } from './range.ts'
import { refusal } from './refusals.ts'
import type { Asked, Handlers } from './routes.ts'
import {
  abandonUpload,
  appendUpload,
  findUpload,
  finishUpload,
  rangeOf,
  startUpload,
  type Session,
} from './uploads.ts'

export const uploadHandlers: Handlers = {
  /** Three requests in one: mount from elsewhere (`mount`), all at once (`digest`), or the beginning of an upload. */
  'POST uploads': {
    needs: 'push',
    async answer(ctx, asked) {
      const { query, repository } = asked
      const mount = query.get('mount')
      if (mount && (await mounted(ctx, asked, mount))) return sendCreated(asked, mount)
      const session = await startUpload(ctx, repository, asked.access.subject)
      const digest = query.get('digest')
      if (!digest) return sendProgress(asked, 202, session, 0)
      await appendUpload(ctx, session, asked.request).catch(async (error: unknown) => {
        await abandonUpload(ctx, session) // the client was never told its name
        throw error
      })
      await finishUpload(ctx, session, checked(digest))
      sendCreated(asked, digest)
    },
  },

  'GET upload': {
    needs: 'push',
    async answer(ctx, asked) {
      const { size } = await findUpload(ctx, sessionIn(asked))
      sendProgress(asked, 204, sessionIn(asked), size)
    },
  },

  'PATCH upload': {
    needs: 'push',
    async answer(ctx, asked) {
      const session = sessionIn(asked)
      sendProgress(asked, 202, session, await append(ctx, asked, session))
    },
  },

  'PUT upload': {
    needs: 'push',
    async answer(ctx, asked) {
      const session = sessionIn(asked)
      const digest = checked(asked.query.get('digest') ?? '')
      if (hasBody(asked.request)) await append(ctx, asked, session)
      await finishUpload(ctx, session, digest)
      sendCreated(asked, digest)
    },
  },

  'DELETE upload': {
    needs: 'push',
    async answer(ctx, asked) {
      await abandonUpload(ctx, sessionIn(asked))
      asked.response.writeHead(204).end()
    },
  },
}

/** Where it cannot be done, for whatever reason, an ordinary upload begins, so nothing is said of the other repository. */
async function mounted(ctx: Context, { query, repository, access }: Asked, digest: string): Promise<boolean> {
  const from = query.get('from')
  const readable = from ? [access.nameOf(from)].filter((name) => access.may(name, 'pull')) : access.readable
  return isDigest(digest) && (await linkBlob(ctx, repository, digest, readable)) !== undefined
}

async function append(ctx: Context, { request }: Asked, session: Session): Promise<number> {
  const header = request.headers['content-range']
  if (header === undefined) return appendUpload(ctx, session, request)
  const range = parseChunkRange(header)
  const length = request.headers['content-length']
  if (!range || (length !== undefined && Number(length) !== range.end - range.start + 1))
    throw refusal(
      'SIZE_INVALID',
      `cannot add a chunk: Content-Range ${header} does not fit its ${length ?? 'unknown'} bytes`,
    )
  return appendUpload(ctx, session, request, range.start)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function checked(digest: string): string {
  if (!isDigest(digest))
    throw refusal(
      'DIGEST_INVALID',
      `cannot keep a blob as ${JSON.stringify(digest)} · digests are sha256:<64 hex digits>`,
    )
  return digest
}

const sessionIn = ({ target, repository }: Asked): Session => ({
  repository,
  id: 'id' in target ? target.id : '',
})

// Locations are paths: behind a proxy nobody here knows which address the client used.

function sendProgress({ response, called }: Asked, status: number, { id }: Session, size: number): void {
  response
    .writeHead(status, {
      Location: `/v2/${called}/blobs/uploads/${id}`,
      Range: rangeOf(size),
      'Docker-Upload-UUID': id,
      ...(status !== 204 && { 'Content-Length': 0 }),
    })
    .end()
}

function sendCreated({ response, called }: Asked, digest: string): void {
  response
    .writeHead(201, {
      Location: `/v2/${called}/blobs/${digest}`,
      'Docker-Content-Digest': digest,
      'Content-Length': 0,
    })
    .end()
}
