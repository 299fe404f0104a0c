import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../log.ts'
import { badRequest, notFound, unauthorized } from '../../problems.ts'
import type { Db } from '../db/db.ts'
import { problemOf } from '../http/errors.ts'
import { isClosedTo, makeApi, type Body, type Question } from './answer.ts'
import { parse } from './parse.ts'
import type { Model, Scope } from './resource.ts'

export interface Door {
  /** `/v7` */
  prefix: string
  model: Model
  db: Db
  log: Logger
  /** What verbs are given first. */
  ctx: unknown
  /** Throws a Problem 401 for a credential that is no good. */
  who(request: FastifyRequest): Promise<unknown>
  scopeOf(asking: any): Scope
}

/** The resources of a model under a prefix. Answers are those of cloud-api §5.3; an error is a JSON string. */
export function odataRoutes(app: FastifyInstance, door: Door): void {
  const { prefix, model, db, log, who, scopeOf } = door
  const api = makeApi(db.sql, door.ctx, model)

  app.register(async (routes) => {
    // Clients label the empty bodies of their DELETEs as JSON.
    routes.removeContentTypeParser('application/json')
    routes.addContentTypeParser('application/json', { parseAs: 'string' }, (_, text, done) => {
      try {
        done(null, text === '' ? {} : JSON.parse(text as string))
      } catch {
        done(badRequest('cannot read the body: it is no JSON'))
      }
    })
    routes.setErrorHandler((error, request, reply) => {
      const problem = problemOf(error)
      if (!problem)
        log.error(
          { err: error, 'request.id': request.id, path: request.url.split('?')[0] },
          'a request to the v7 API failed by a bug',
        )
      reply.code(problem?.status ?? 500).headers(problem?.headers ?? {})
      return sendJson(reply, JSON.stringify(problem?.message ?? 'Server error'))
    })

    const ask = async (request: FastifyRequest): Promise<Question> => {
      const asking = await who(request)
      const query = parse(request.raw.url!.slice(prefix.length + 1))
      const resource = model.get(query.resource)
      if (!resource) throw notFound(`cannot find the resource ${query.resource}`)
      const scope = scopeOf(asking)
      if (scope.kind === 'guest' && isClosedTo(model, resource, scope.kind)) throw unauthorized()
      return { resource, query, asking, scope }
    }

    routes.get(`${prefix}/*`, async (request, reply) => {
      const question = await ask(request)
      if (question.query.action) throw notFound(`cannot get ${question.query.action}`)
      const d = question.query.count ? await api.count(question) : await api.read(question)
      return sendJson(reply, `{"d":${d}}`)
    })

    routes.post(`${prefix}/*`, async (request, reply) => {
      const question = await ask(request)
      if (question.query.action) return act(question, request.body, reply)
      if (question.query.key) throw badRequest('cannot create under a key · PATCH changes what is there')
      const { id, row } = await api.create(question, bodyOf(request))
      const { name } = question.resource
      reply.code(201).header('Location', `${prefix}/${name}(@id)?@id=${id}`)
      return sendJson(reply, row ?? JSON.stringify({ id }))
    })

    routes.patch(`${prefix}/*`, async (request, reply) => {
      await api.update(await ask(request), bodyOf(request))
      return reply.code(200).send()
    })

    routes.put(`${prefix}/*`, async (request, reply) => {
      await api.upsert(await ask(request), bodyOf(request))
      return reply.code(200).send()
    })

    routes.delete(`${prefix}/*`, async (request, reply) => {
      await api.remove(await ask(request))
      return reply.code(200).send()
    })

    async function act(question: Question, _: unknown, reply: FastifyReply) {
      if (question.query.action !== 'canAccess')
        throw notFound(`cannot find the action ${question.query.action}`)
      // Whoever may change a device may open tunnels to it: there is no finer right.
      const ids = await api.changeable(question)
      if (ids.length === 0) throw unauthorized('cannot access it: unauthorized')
      return sendJson(reply, JSON.stringify({ d: ids.map((id) => ({ id })) }))
    }
  })
}

const bodyOf = (request: FastifyRequest): Body => ({
  value: request.body ?? {},
  form: request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false,
})

/** The text is JSON already. */
const sendJson = (reply: FastifyReply, text: string) =>
  reply.header('Cache-Control', 'no-cache').type('application/json').send(text)
