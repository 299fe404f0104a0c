// Every route on one page.
import { fastify, type FastifyInstance } from 'fastify'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { applicationRoutes } from './applications/routes.ts'
import { deviceTypeRoutes } from './device-types/routes.ts'
import { variableRoutes } from './variables/routes.ts'
import { accountRoutes } from './accounts/routes.ts'
import { buildPush } from './builds/build-push.ts'
import { handlePush } from './builds/push-route.ts'
import { buildRoutes } from './builds/routes.ts'
import type { Context } from './context.ts'
import { gitRoute } from './git/routes.ts'
import { answerError } from './kit/http/errors.ts'
import { keyRoutes } from './accounts/key-routes.ts'
import { apiRoutes } from './resources.ts'
import { logStreamRoute } from './logs/log-stream.ts'
import { logRoutes } from './logs/routes.ts'
import { pageRoutes } from './page/routes.ts'
import { deviceRoutes } from './devices/routes.ts'
import { reportRoutes } from './reports/routes.ts'
import { targetRoutes } from './target-state/routes.ts'
import { registryRoute } from './registry/routes.ts'
import { tokenRoutes } from './registry/token-routes.ts'

/** Streams (registry, git, builder, logs) are answered by plain handlers, in front of the JSON routes. */
export interface RawRoute {
  prefix: string
  /** Where the prefix alone does not tell. */
  matches?(url: string): boolean
  handle(request: IncomingMessage, response: ServerResponse): void
}

export async function makeApp(ctx: Context): Promise<RequestListener> {
  const raw: RawRoute[] = [
    registryRoute(ctx),
    logStreamRoute(ctx),
    gitRoute(ctx, buildPush),
    { prefix: '/v3/build', handle: (request, response) => void handlePush(ctx, request, response) },
  ]
  const app = await jsonRoutes(ctx)
  return (request, response) => {
    const route = raw.find(
      ({ prefix, matches }) => request.url!.startsWith(prefix) && (matches?.(request.url!) ?? true),
    )
    if (route) route.handle(request, response)
    else app.routing(request, response)
  }
}

async function jsonRoutes(ctx: Context): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: 4 * 1024 * 1024,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 4000 },
  })
  app.setErrorHandler(answerError(ctx.log))
  app.setNotFoundHandler((_, reply) => reply.code(404).send())
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )

  app.get('/ping', (_, reply) => reply.type('text/plain').send('OK'))
  app.get('/connectivity-check', (_, reply) => reply.code(204).send())
  app.get('/ca.pem', (_, reply) => reply.type('application/x-pem-file').send(ctx.keys.ca.certificate))
  pageRoutes(app)
  accountRoutes(app, ctx)
  keyRoutes(app, ctx)
  deviceTypeRoutes(app, ctx)
  applicationRoutes(app, ctx)
  variableRoutes(app)
  apiRoutes(app, ctx)
  deviceRoutes(app, ctx)
  targetRoutes(app, ctx)
  reportRoutes(app, ctx)
  tokenRoutes(app, ctx)
  logRoutes(app, ctx)
  buildRoutes(app, ctx)

  await app.ready()
  return app
}
