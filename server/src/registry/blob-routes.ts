import { pipeline } from 'node:stream/promises'
import type { Context } from '../context.ts'
import { findBlob, linkBlob, touchBlobs, unlinkBlob } from './blobs.ts'
import { isDigest } from './path.ts'
import { parseRange } from './range.ts'
import { refusal } from './refusals.ts'
import type { Asked, Handlers } from './routes.ts'

export const blobHandlers: Handlers = {
  'HEAD blob': {
    needs: 'pull',
    async answer(ctx, asked) {
      const { digest, size } = await found(ctx, asked)
      asked.response.writeHead(200, headersOf(digest, size)).end()
    },
  },

  'GET blob': {
    needs: 'pull',
    async answer(ctx, asked) {
      const { digest, size } = await found(ctx, asked)
      const range = parseRange(asked.request.headers.range, size)
      if (range === 'unsatisfiable') {
        asked.response.writeHead(416, { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end()
        return
      }
      const content = await ctx.blobs.read(digest, range)
      asked.response.writeHead(range ? 206 : 200, {
        ...headersOf(digest, range ? range.end - range.start + 1 : size),
        ...(range && { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` }),
      })
      await pipeline(content, asked.response)
    },
  },

  'DELETE blob': {
    needs: 'delete',
    async answer(ctx, asked) {
      const digest = digestIn(asked)
      if (!(await unlinkBlob(ctx, asked.repository, digest))) throw unknown(digest)
      asked.response.writeHead(202, { 'Content-Length': 0 }).end()
    },
  },
}

/** Whoever may push here, and may read the blob elsewhere, has it here too from now on, and sends only what is new. */
async function found(ctx: Context, asked: Asked): Promise<{ digest: string; size: number }> {
  const { repository, access } = asked
  const digest = digestIn(asked)
  const pushes = access.may(repository, 'push')
  if (pushes) await touchBlobs(ctx, [digest])
  const size =
    (await findBlob(ctx, repository, digest)) ??
    (pushes ? await linkBlob(ctx, repository, digest, access.readable) : undefined)
  if (size === undefined) throw unknown(digest)
  return { digest, size }
}

function digestIn({ target }: Asked): string {
  const digest = 'digest' in target ? target.digest : ''
  if (!isDigest(digest))
    throw refusal(
      'DIGEST_INVALID',
      `cannot find blob ${JSON.stringify(digest)} · digests are sha256:<64 hex digits>`,
    )
  return digest
}

const headersOf = (digest: string, length: number) => ({
  'Content-Type': 'application/octet-stream',
  'Content-Length': length,
  'Docker-Content-Digest': digest,
  'Accept-Ranges': 'bytes',
  ETag: `"${digest}"`,
  'Cache-Control': 'private, max-age=31536000, immutable',
})

const unknown = (digest: string) => refusal('BLOB_UNKNOWN', `cannot find blob ${digest} in this repository`)
