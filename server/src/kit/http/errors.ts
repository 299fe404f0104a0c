import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ZodError } from 'zod'
import type { Logger } from '../../log.ts'
import { databaseIsAway } from '../db/away.ts'
import { Problem } from '../../problems.ts'

/** The translator for JSON endpoints. Clients show `body.message`; an OData error is a JSON string, made in `kit/odata`. */
export function answerError(log: Logger) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error)
    if (!problem) {
      log.error(
        { err: error, 'request.id': request.id, path: request.url.split('?')[0] },
        'a request failed by a bug',
      )
      return reply.code(500).send({ message: `internal error · request ${request.id}`, code: 'internal' })
    }
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .send({ message: problem.message, code: problem.code })
  }
}

/** The Problem in an error, also where it is a fault in the request that a library found; undefined for bugs. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  if (error instanceof ZodError) {
    const issue = error.issues[0]
    return new Problem(
      400,
      'bad_request',
      `cannot use ${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not understood'}`,
    )
  }
  if (databaseIsAway(error))
    return new Problem(503, 'no_database', 'cannot reach the database just now · ask again', {
      'Retry-After': '2',
    })
  const status = (error as FastifyError).statusCode
  if (status && status < 500)
    return new Problem(status, 'bad_request', `cannot read the request: ${(error as Error).message}`)
  return undefined
}
