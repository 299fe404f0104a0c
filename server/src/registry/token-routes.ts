import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { limitLogins } from '../accounts/login-limit.ts'
import type { Actor } from '../auth/actor.ts'
import { basicOf, whoAsks, whoIs, whoIsBasic } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { answerError, problemOf } from '../kit/http/errors.ts'
import { unauthorized } from '../problems.ts'
import { giveToken } from './give-token.ts'
import { refusalBody } from './refusals.ts'
import { parseScopes } from './scopes.ts'

const form = z.object({
  scope: z.string().default(''),
  username: z.string().optional(),
  password: z.string().optional(),
})

/** Tokens for the registry (device-api.md §8). Clients take 200 with nothing granted as an answer, and 401 as "wrong password". */
export function tokenRoutes(app: FastifyInstance, ctx: Context): void {
  const limit = limitLogins(ctx)

  const errorHandler = answerInTheirWords(ctx)

  app.get('/auth/v1/token', { errorHandler }, async (request) =>
    answer(request.url.slice(request.url.indexOf('?') + 1), await whoWants(request)),
  )

  // The OAuth2 form of the same, which BuildKit and containerd try first when they have a password.
  app.post('/auth/v1/token', { errorHandler }, async (request) => {
    const { scope, username, password } = form.parse(request.body ?? {})
    const asking =
      username !== undefined && password !== undefined
        ? await whoIsNamed(username, password, request.ip)
        : await whoWants(request)
    return answer(String(new URLSearchParams({ scope })), asking)
  })

  async function answer(query: string, asking: Actor) {
    const { token, seconds } = await giveToken(ctx, asking, parseScopes(query))
    return { token, access_token: token, expires_in: seconds, issued_at: ctx.now().toISOString() }
  }

  async function whoWants(request: FastifyRequest): Promise<Actor> {
    const basic = basicOf(request.headers.authorization)
    return basic ? whoIsNamed(basic.username, basic.password, request.ip) : whoAsks(ctx, request)
  }

  async function whoIsNamed(username: string, password: string, address: string): Promise<Actor> {
    const device = /^d_([0-9a-f]{32}|[0-9a-f]{62})$/.exec(username)
    if (device) {
      // A device has a key and no password: there is nothing to guess, so nothing to slow down.
      const found = await whoIs(ctx, password)
      if (found?.kind === 'device' && found.uuid === device[1]) return found
      throw unauthorized(`cannot give device ${device[1]!.slice(0, 7)} a token: the key is not this device's`)
    }
    limit.check(username, address)
    const found = await whoIsBasic(ctx, username, password)
    if (found) return found
    limit.failed(username, address)
    throw unauthorized('cannot log in to the registry: the name, or the password or key, is wrong')
  }
}

/** `docker login` shows the sentence only where it stands in the registry's form of an error. */
function answerInTheirWords(ctx: Context) {
  const otherwise = answerError(ctx.log)
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error)
    if (!problem) return otherwise(error, request, reply)
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type('application/json')
      .send(refusalBody(problem))
  }
}
