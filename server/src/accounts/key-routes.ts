import type { FastifyInstance, FastifyReply } from 'fastify'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { uniqueViolation } from '../kit/db/db.ts'
import { badRequest, conflict, unauthorized } from '../problems.ts'
import { keysThatOpen } from './public-keys.ts'
import { createKey, keyWish, readOwner, type KeyOwner } from './api-keys.ts'

/** Keys of users, fleets and devices (cloud-api §3.3), save the exchange that a device does for itself. */
export function keyRoutes(app: FastifyInstance, ctx: Context): void {
  app.post('/api-key/v2', async (request, reply) => {
    const body = (request.body ?? {}) as Record<string, unknown>
    if (!('expiryDate' in body)) throw badRequest('expiryDate must be given, null for none')
    return make(request, reply, readOwner(body), body)
  })

  app.post('/api-key/v1', (request, reply) => {
    const body = (request.body ?? {}) as Record<string, unknown>
    return make(request, reply, readOwner(body), body)
  })

  const ofApplication = (id: string): KeyOwner => ({
    type: 'application',
    id: Number(id),
    role: 'provisioning-api-key',
  })
  app.post<{ Params: { id: string } }>(
    '/api-key/application/:id(^\\d{1,9}$)/provisioning',
    (request, reply) => make(request, reply, ofApplication(request.params.id), request.body ?? {}),
  )
  app.post<{ Params: { id: string } }>('/application/:id(^\\d{1,9}$)/generate-api-key', (request, reply) =>
    make(request, reply, ofApplication(request.params.id), {}),
  )

  // The sshd of a device asks which keys may open it, with its own key.
  app.get<{ Params: { username: string } }>('/auth/v1/public-keys/:username', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'device') throw unauthorized('cannot tell public keys: only devices may ask')
    const keys = await keysThatOpen(ctx, request.params.username, asking)
    return reply.type('text/plain').send(keys.join('\n'))
  })

  async function make(
    request: Parameters<typeof whoAsks>[1],
    reply: FastifyReply,
    owner: KeyOwner,
    body: unknown,
  ) {
    try {
      const key = await createKey(ctx, await whoAsks(ctx, request), owner, keyWish.parse(body))
      return reply.type('application/json').send(JSON.stringify(key))
    } catch (error) {
      if (uniqueViolation(error)) throw conflict('"key" must be unique.')
      throw error
    }
  }
}
