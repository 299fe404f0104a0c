import type { FastifyInstance } from 'fastify'
import { credentialOf } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { addressOf } from '../kit/http/address.ts'
import { badRequest, unauthorized } from '../problems.ts'
import { readReport } from './read-report.ts'
import { recordReport } from './record-report.ts'

/** What devices say that they run (device-api §4). */
export function reportRoutes(app: FastifyInstance, ctx: Context): void {
  app.patch('/device/v3/state', async (request, reply) => {
    const key = credentialOf(request)
    if (!key) throw unauthorized()
    const report = Object.entries(readReport(request.body))
    if (report.length === 0) throw badRequest('cannot use this report: it names no device')
    const address = addressOf(request.socket)
    for (const [uuid, device] of report) await recordReport(ctx, { uuid, key }, device, address)
    return reply.code(200).send()
  })
}
