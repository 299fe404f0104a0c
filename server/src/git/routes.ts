// Smart HTTP (gitprotocol-http(5)) under /git/<organization>/<fleet>.git: what HTTP says is settled here, the rest is git's.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { limitLogins } from '../accounts/login-limit.ts'
import type { RawRoute } from '../app.ts'
import type { Actor } from '../auth/actor.ts'
import { basicOf, whoAsks, whoIsBasic } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { forbidden, notFound, Problem, unauthorized } from '../problems.ts'
import { fleetFor } from './fleet.ts'
import type { BuildPush } from './push.ts'
import { receivePush } from './receive.ts'
import { advertise, uploadPack } from './upload.ts'

const idle = 10 * 60_000 // ms; a laptop that was closed during its upload never says so

type Service = 'git-upload-pack' | 'git-receive-pack'

const rights = { 'git-upload-pack': 'fetch', 'git-receive-pack': 'push' } as const

export function gitRoute(ctx: Context, build: BuildPush): RawRoute {
  const limit = limitLogins(ctx)
  return {
    prefix: '/git/',
    handle(request, response) {
      answer(ctx, request, response, { build, limit }).catch((error) => refuse(ctx, response, error))
    },
  }
}

interface Means {
  build: BuildPush
  limit: ReturnType<typeof limitLogins>
}

async function answer(
  ctx: Context,
  request: IncomingMessage,
  response: ServerResponse,
  { build, limit }: Means,
): Promise<void> {
  const { slug, action, service } = readPath(request)
  const asking = await whoPushes(ctx, request, limit)
  const { fleet, user } = await fleetFor(ctx, asking, slug, rights[service])
  const protocol = request.headers['git-protocol']
  request.setTimeout(idle, () => request.destroy())
  const gone = new AbortController()
  response.once('close', () => gone.abort())

  const kind = action === 'look' ? 'advertisement' : 'result'
  response.setHeader('Content-Type', `application/x-${service}-${kind}`)
  response.setHeader('Cache-Control', 'no-cache, max-age=0, must-revalidate')
  response.setHeader('X-Accel-Buffering', 'no') // a proxy that collects output would keep the build's lines from the pusher
  const io = { body: bodyOf(request), out: response, gone: gone.signal }
  if (action === 'look') await advertise(ctx, fleet, service, { ...io, protocol: protocolOf(protocol) })
  else if (service === 'git-upload-pack')
    await uploadPack(ctx, fleet, { ...io, protocol: protocolOf(protocol) })
  else await receivePush(ctx, user, fleet, io, build)
}

/** The only three requests of smart HTTP; others belong to the dumb protocol, which would need files that we do not have. */
function readPath(request: IncomingMessage): { slug: string; action: 'look' | 'talk'; service: Service } {
  const { pathname, searchParams } = new URL(request.url!, 'http://any')
  const [, slug, rest] = /^\/git\/([^/]+\/[^/]+?)(?:\.git)?\/(.+)$/.exec(pathname) ?? []
  if (!slug || !rest)
    throw notFound('cannot find a git remote here · its address is /git/<organization>/<fleet>.git')
  if (rest === 'info/refs' && request.method === 'GET') {
    const service = searchParams.get('service')
    if (service === 'git-upload-pack' || service === 'git-receive-pack')
      return { slug, action: 'look', service }
    throw forbidden('cannot speak the dumb protocol · use git 1.6.6 or newer, or a client with smart HTTP')
  }
  if (rest === 'git-upload-pack' || rest === 'git-receive-pack') {
    if (request.method !== 'POST')
      throw new Problem(405, 'method', `cannot ${request.method} ${rest} · it is a POST`)
    if (request.headers['content-type'] !== `application/x-${rest}-request`)
      throw new Problem(415, 'media_type', `cannot read this: ${rest} takes application/x-${rest}-request`)
    return { slug, action: 'talk', service: rest }
  }
  throw notFound(`cannot find ${rest}: only smart HTTP is spoken here · use git 1.6.6 or newer`)
}

async function whoPushes(ctx: Context, request: IncomingMessage, limit: Means['limit']): Promise<Actor> {
  const basic = basicOf(request.headers.authorization)
  if (!basic) return whoAsks(ctx, request)
  const address = request.socket.remoteAddress ?? ''
  limit.check(basic.username, address)
  const actor = await whoIsBasic(ctx, basic.username, basic.password)
  if (actor) return actor
  limit.failed(basic.username, address)
  throw unauthorized(
    'cannot log in: the password is no API key or session token, nor the password of this user',
  )
}

function bodyOf(request: IncomingMessage): Readable {
  const coding = request.headers['content-encoding'] ?? 'identity'
  if (coding === 'identity') return request
  if (coding !== 'gzip' && coding !== 'x-gzip')
    throw new Problem(415, 'encoding', `cannot read a body in ${coding} · send gzip, or as it is`)
  const plain = createGunzip()
  plain.on('error', () => {}) // whoever reads it hears of it
  request.once('error', (error) => plain.destroy(error))
  request.once('close', () => request.complete || plain.destroy(new Error('the client hung up')))
  return request.pipe(plain)
}

/** What the client offers in `Git-Protocol`, for git's environment; nothing but plain words and numbers goes there. */
const protocolOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && /^[\w=:.-]{1,200}$/.test(header) ? header : undefined

/** git shows a text/plain body as `remote:` lines. */
function refuse(ctx: Context, response: ServerResponse, error: unknown): void {
  if (!(error instanceof Problem)) ctx.log.error({ err: error }, 'a git request failed by a bug')
  if (response.headersSent || response.destroyed) return void response.destroy()
  const { status, message, headers } =
    error instanceof Problem
      ? error
      : new Problem(500, 'internal', 'cannot answer: internal error · see the log of the platform')
  response.writeHead(status, {
    ...headers,
    ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="Copal", charset="UTF-8"' }),
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-cache',
    Connection: 'close', // the rest of a body that nobody reads
  })
  response.end(`${message}\n`)
}
