// `POST /device/v2/<uuid>/log-stream`: ndjson, gzipped, open as long as the device has something to say. Any answer before the
// device ends its request counts as failure there, so 201 comes only at the end, and 401, 409, 415 and 503 at once.
//
// A stream that names a claim (docs/decisions/device-logs.md) is stored wholly up to where it breaks, and not at all from there on;
// the device asks for its places and goes on. A stream without a claim is stored as well as it goes.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import type { SentLine } from '@copal/wire/log-line.ts'
import type { RawRoute } from '../app.ts'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { Problem, badRequest, unauthorized } from '../problems.ts'
import { Intake } from './intake.ts'
import { linesOf, overLong, type Piece } from './lines-of.ts'
import { isForeign, parse, readLine } from './read-line.ts'
import type { Claimed } from './chunk.ts'
import { logWriter } from './write-lines.ts'

const path = /^\/device\/v2\/([0-9a-f]{32,62})\/log-stream(?:\?|$)/
const claimIn = /[?&]claim=([0-9a-f-]{36})(?:&|$)/
const chunksAtOnce = 8
const waitingMost = 2000

export function logStreamRoute(ctx: Context): RawRoute {
  return {
    prefix: '/device/v2/',
    matches: (url) => path.test(url),
    handle(request, response) {
      take(ctx, request, response).then(
        () => response.writeHead(201).end(),
        (error: unknown) => refuse(ctx, request, response, error),
      )
    },
  }
}

async function take(ctx: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on('error', () => undefined) // told by the loop that reads
  const uuid = path.exec(request.url!)![1]!
  const asking = await whoAsks(ctx, request)
  if (asking.kind !== 'device' || asking.uuid !== uuid)
    throw unauthorized(`cannot take logs of device ${uuid}: it is unknown, or this is not its key`)
  if (logWriter(ctx).waiting > waitingMost)
    throw new Problem(503, 'busy', 'cannot take logs: the database is behind · try again later', {
      'Retry-After': '30',
    })
  const claim = claimIn.exec(request.url!)?.[1]
  const claimed = claim === undefined ? undefined : { claim, broken: false }
  const lines = linesOf(bodyOf(request), { whole: claimed !== undefined })
  response.socket?.setTimeout(0)
  await store(ctx, asking.id, lines, claimed)
}

function bodyOf(request: IncomingMessage): Readable {
  const type = request.headers['content-type']?.split(';')[0]
  if (type !== 'application/x-ndjson')
    throw new Problem(415, 'unsupported', 'cannot take logs of this type · send application/x-ndjson')
  switch (request.headers['content-encoding'] ?? 'identity') {
    case 'identity':
      return request
    case 'gzip':
      return unzipped(request)
    default:
      throw new Problem(415, 'unsupported', 'cannot take logs in this encoding · send gzip, or none')
  }
}

/** A truncated end is taken as the end: devices lose their connection in the middle of things. */
function unzipped(request: IncomingMessage): Readable {
  const gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH })
  request.once('close', () => gunzip.end())
  return request.pipe(gunzip)
}

/** Stores what comes, a few chunks ahead of the database at most; beyond that the device waits. */
async function store(
  ctx: Context,
  device: number,
  chunks: AsyncIterable<Piece[]>,
  claimed: Claimed | undefined,
): Promise<void> {
  const intake = new Intake(ctx.config.deviceLogs.linesPerSecond, ctx.now().getTime())
  const writing: Promise<void>[] = []
  const add = (lines: SentLine[]) => {
    if (lines.length === 0) return
    const written = logWriter(ctx).add({ device, lines, claimed, places: intake.places() })
    writing.push(claimed ? written : written.catch(() => intake.miss('not stored', lines.length)))
    written.catch(() => undefined) // heard below, when it is waited for
  }
  try {
    for await (const pieces of chunks) {
      const now = ctx.now().getTime()
      add(pieces.flatMap((piece) => taken(intake, piece, now)))
      if (writing.length >= chunksAtOnce) await writing.shift()
      if (claimed?.broken) break
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('Z_'))
      throw badRequest('cannot read the logs: the gzip stream is damaged')
    if ((error as { code?: string }).code !== 'ECONNRESET') throw error
  } finally {
    await Promise.all(writing)
    add(intake.marks(ctx.now().getTime()))
    await Promise.all(writing)
  }
}

function taken(intake: Intake, piece: Piece, now: number) {
  const value = piece === overLong ? undefined : parse(piece)
  if (isForeign(value)) return []
  const line = readLine(value)
  if (line) return intake.take(line, now)
  intake.miss('not understood')
  return []
}

function refuse(ctx: Context, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const problem = error instanceof Problem ? error : undefined
  if (!problem) ctx.log.error({ err: error }, 'a log stream failed by a bug')
  response.writeHead(problem?.status ?? 500, {
    'Content-Type': 'application/json',
    Connection: 'close',
    ...problem?.headers,
  })
  response.end(JSON.stringify({ message: problem?.message ?? 'internal error' }), () => request.destroy())
}
