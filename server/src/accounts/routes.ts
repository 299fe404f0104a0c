import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { makeKey, insertKey } from '../auth/api-key.ts'
import { readSession, signSession } from '../auth/session.ts'
import { credentialOf, userOfPassword, whoAsks } from '../auth/who.ts'
import { Problem, badRequest, unauthorized } from '../problems.ts'
import { limitLogins } from './login-limit.ts'

const login = z.object({ username: z.string(), password: z.string() })

/** Logging in, who am I, and a user's own keys (cloud-api §3). */
export function accountRoutes(app: FastifyInstance, ctx: Context): void {
  const limit = limitLogins(ctx)

  // Clients take the body as the token: plain text, no quotes, no newline.
  app.post('/login_', async (request, reply) => {
    const { username, password } = login.parse(request.body)
    limit.check(username, request.ip)
    const user = await userOfPassword(ctx, username, password)
    if (!user) {
      limit.failed(username, request.ip)
      throw unauthorized('cannot log in: the name or the password is wrong')
    }
    limit.succeeded(username)
    return reply.type('text/plain').send(await freshSession(ctx, user.id, ctx.now().getTime()))
  })

  app.get('/user/v1/refresh-token', async (request, reply) => {
    const session = await readSession(ctx, credentialOf(request) ?? '')
    const asking = await whoAsks(ctx, request)
    if (!session || asking.kind !== 'user') throw unauthorized('cannot refresh: this is no session token')
    return reply.type('text/plain').send(await freshSession(ctx, session.id, session.authTime))
  })

  app.post('/user/v1/refresh-token', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    const { password } = z.object({ password: z.string() }).parse(request.body)
    if (asking.kind !== 'user') throw unauthorized()
    limit.check(asking.username, request.ip)
    if (!(await userOfPassword(ctx, asking.username, password))) {
      limit.failed(asking.username, request.ip)
      throw unauthorized('cannot refresh: the password is wrong')
    }
    return reply.type('text/plain').send(await freshSession(ctx, asking.id, ctx.now().getTime()))
  })

  app.get('/actor/v1/whoami', async (request) => {
    const asking = await whoAsks(ctx, request)
    switch (asking.kind) {
      case 'guest':
        throw unauthorized()
      case 'user':
        return {
          id: asking.actor,
          actorType: 'user',
          actorTypeId: asking.id,
          username: asking.username,
          email: asking.email,
        }
      case 'application':
        return { id: asking.actor, actorType: 'application', actorTypeId: asking.id, slug: asking.slug }
      case 'device':
        return { id: asking.actor, actorType: 'device', actorTypeId: asking.id, uuid: asking.uuid }
    }
  })

  app.get('/user/v1/whoami', async (request) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'user') throw unauthorized()
    return { id: asking.id, username: asking.username, email: asking.email }
  })

  const keyWish = z.object({
    name: z.string().min(1).max(50),
    description: z.string().max(150).nullish(),
    expiryDate: z.iso.datetime().nullish(),
  })
  app.post('/api-key/user/full', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    const recent =
      asking.kind === 'user' && asking.authTime && ctx.now().getTime() - asking.authTime < 20 * 60_000
    if (!recent)
      throw unauthorized('cannot create an API key: the password was given too long ago · log in again')
    const wish = keyWish.safeParse(request.body)
    if (!wish.success) throw badRequest("API keys with the 'named-user-api-key' role require a name")
    const value = makeKey()
    await insertKey(ctx.db.sql, {
      actor: asking.actor,
      role: 'named-user-api-key',
      value,
      name: wish.data.name,
      ...(wish.data.description && { description: wish.data.description }),
      ...(wish.data.expiryDate && { expiryDate: new Date(wish.data.expiryDate) }),
    })
    return reply.type('application/json').send(JSON.stringify(value))
  })
}

async function freshSession(ctx: Context, id: number, authTime: number): Promise<string> {
  const [user] = await ctx.db.sql<
    { id: number; jwt_secret: string }[]
  >`select id, jwt_secret from "user" where id = ${id}`
  if (!user) throw new Problem(401, 'unauthorized', 'cannot log in: the user is gone')
  return signSession(ctx, user, authTime)
}
