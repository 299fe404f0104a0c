// The registry's door: OCI distribution v1.1 under `/v2/`. Reads the path, asks what the token allows, and hands over.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RawRoute } from '../app.ts'
import type { Context } from '../context.ts'
import { problemOf } from '../kit/http/errors.ts'
import { accessOf, type Access } from './access.ts'
import { blobHandlers } from './blob-routes.ts'
import { manifestHandlers } from './manifest-routes.ts'
import { isRepositoryName, parsePath, type Target } from './path.ts'
import { refusal, refusalBody } from './refusals.ts'
import type { Action } from './tokens.ts'
import { uploadHandlers } from './upload-routes.ts'
import { findUpload } from './uploads.ts'

/** A request that was let in. */
export interface Asked {
  request: IncomingMessage
  response: ServerResponse
  query: URLSearchParams
  target: Target
  /** The repository by its own name; `called` is what the client calls it, for `Location`. */
  repository: string
  called: string
  access: Access
}

/** By method and kind of target, e.g. `GET manifest`. */
export type Handlers = Record<string, { needs: Action; answer(ctx: Context, asked: Asked): Promise<void> }>

const handlers: Handlers = { ...manifestHandlers, ...blobHandlers, ...uploadHandlers }

export function registryRoute(ctx: Context): RawRoute {
  return {
    prefix: '/v2/',
    handle(request, response) {
      response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
      answer(ctx, request, response).catch((error: unknown) => answerRefusal(ctx, request, response, error))
    },
  }
}

async function answer(ctx: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url!, 'http://registry')
  const target = parsePath(pathname)
  if (!target) throw refusal('NAME_UNKNOWN', `cannot find ${pathname}: the registry has nothing by this name`)
  const access = await accessOf(ctx, request.headers.authorization)
  if (target.kind === 'root') {
    if (!access || access.until < ctx.now().getTime()) throw challenge(ctx, request, access)
    response.setHeader('Content-Type', 'application/json').end('{}')
    return
  }
  const handler = handlers[`${request.method} ${target.kind}`]
  if (!handler) throw refusal('UNSUPPORTED', `cannot ${request.method} here: the registry does not do that`)
  if (!isRepositoryName(target.name))
    throw refusal('NAME_INVALID', `cannot name a repository ${JSON.stringify(target.name)}`)
  const repository = access?.nameOf(target.name) ?? target.name
  if (!access?.may(repository, handler.needs) || !(await inTime(ctx, access, target, repository)))
    throw challenge(ctx, request, access, `repository:${target.name}:${scopeOf(handler.needs)}`)
  await handler.answer(ctx, {
    request,
    response,
    query: searchParams,
    target,
    repository,
    called: target.name,
    access,
  })
}

/**
 * A token that has run out is still good for the upload that its owner began with it: a large layer over a slow line takes
 * longer than any token lives, and some clients cannot fetch another.
 */
async function inTime(ctx: Context, access: Access, target: Target, repository: string): Promise<boolean> {
  if (ctx.now().getTime() < access.until) return true
  if (target.kind !== 'upload') return false
  const { subject, startedAt } = await findUpload(ctx, { repository, id: target.id })
  return subject === access.subject && startedAt.getTime() < access.until
}

/** Tells the client where to get which token. Docker asks again by itself, and shows the sentence if that does not help. */
function challenge(ctx: Context, request: IncomingMessage, access: Access | undefined, scope?: string) {
  const expired = access && access.until <= ctx.now().getTime()
  const parts = [
    `realm="${realmFor(ctx, request)}/auth/v1/token"`,
    `service="${ctx.config.registryHost}"`,
    ...(scope ? [`scope="${scope}"`] : []),
    ...(access ? [`error="${expired ? 'invalid_token' : 'insufficient_scope'}"`] : []),
  ]
  return refusal(
    'UNAUTHORIZED',
    access && !expired
      ? 'cannot do this: your token does not allow it, or there is no such repository'
      : 'cannot do this without a token · log in first',
    { 'WWW-Authenticate': `Bearer ${parts.join(',')}` },
  )
}

/** The configured address: only the internal name is taken from the client, for in there nothing else leads to us. */
function realmFor({ config }: Context, request: IncomingMessage): string {
  const internal = `${config.internalName}:${config.port}`
  if (request.headers.host !== internal) return config.url
  return `${'encrypted' in request.socket ? 'https' : 'http'}://${internal}`
}

const scopeOf = (needs: Action) => (needs === 'push' ? 'pull,push' : needs)

function answerRefusal(
  ctx: Context,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const known = problemOf(error)
  if (!known && !request.destroyed && !response.destroyed)
    ctx.log.error({ err: error, path: request.url?.split('?')[0] }, 'a registry request failed by a bug')
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const body = known ? refusalBody(known) : '{"errors":[{"code":"UNKNOWN","message":"internal error"}]}'
  response
    .writeHead(known?.status ?? 500, {
      ...known?.headers,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    })
    .end(request.method === 'HEAD' ? undefined : body)
  request.resume() // what the client still sends, so that it comes to reading the answer
}
