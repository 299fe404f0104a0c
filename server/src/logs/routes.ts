import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { SentLine } from '@copal/wire/log-line.ts'
import { z } from 'zod'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { deviceFor } from '../devices/queries.ts'
import { badRequest, notFound, tooMany, unauthorized } from '../problems.ts'
import { claimLogs } from './claim-logs.ts'
import { follow } from './follow.ts'
import { asStored, byTime, historyMost, newest } from './history.ts'
import { isForeign, readLine } from './read-line.ts'
import { logWriter } from './write-lines.ts'

const batchMost = 10 // lines
const batchesMost = 15
const batchesIn = 10_000 // ms

/** Logs of devices: small batches in, history and live out (device-api §6). The long stream in is `log-stream.ts`. */
export function logRoutes(app: FastifyInstance, ctx: Context): void {
  const recent = new Map<number, number[]>()

  app.post<{ Params: { uuid: string } }>('/device/v2/:uuid/logs', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'device' || asking.uuid !== request.params.uuid)
      throw unauthorized(
        `cannot take logs of device ${request.params.uuid}: it is unknown, or this is not its key`,
      )
    const sent = z.array(z.unknown()).safeParse(request.body)
    if (!sent.success) throw badRequest('cannot take logs: send an array of lines')
    if (sent.data.length > batchMost)
      throw badRequest(`cannot take ${sent.data.length} lines at once: at most ${batchMost} · use log-stream`)
    limitBatches(recent, asking.id, ctx.now().getTime())
    const read = sent.data.filter((line) => !isForeign(line)).map(readLine)
    const lines = read.filter((line) => line !== undefined)
    const bad = read.length - lines.length
    if (bad > 0) lines.push(droppedMark(bad, ctx.now().getTime()))
    if (lines.length > 0) await logWriter(ctx).add({ device: asking.id, lines })
    return reply.code(201).send()
  })

  app.post<{ Params: { uuid: string } }>('/device/v2/:uuid/log-claim', async (request) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'device' || asking.uuid !== request.params.uuid)
      throw unauthorized(
        `cannot take logs of device ${request.params.uuid}: it is unknown, or this is not its key`,
      )
    return claimLogs(ctx, asking.id)
  })

  app.get<{ Params: { uuid: string }; Querystring: Record<string, string> }>(
    '/device/v2/:uuid/logs',
    async (request, reply) => {
      const asking = await whoAsks(ctx, request)
      if (asking.kind === 'guest') throw unauthorized()
      const device = await deviceFor(ctx, asking, { uuid: request.params.uuid }, 'see')
      if (!device || asking.kind === 'application')
        throw notFound(`cannot find device ${request.params.uuid} · see \`copal device list\``)
      const start = startOf(request.query.start)
      const streaming = request.query.stream === '1' || request.query.stream === 'true'
      const count = countOf(request.query.count, streaming ? 0 : historyMost)
      if (!streaming) return (await newest(ctx, device.id, count, start)).sort(byTime).map(asStored)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const lines = Readable.from(follow(ctx, device.id, { count, start }, gone.signal), {
        objectMode: false,
      })
      return reply.type('application/x-ndjson').send(lines)
    },
  )
}

function limitBatches(recent: Map<number, number[]>, device: number, now: number): void {
  const times = (recent.get(device) ?? []).filter((time) => time > now - batchesIn)
  if (times.length >= batchesMost)
    throw tooMany('cannot take logs: too many batches · use log-stream', Math.ceil(batchesIn / 1000))
  recent.delete(device) // so that the oldest come first, and memory stays small
  recent.set(device, [...times, now])
  if (recent.size > 10_000) recent.delete(recent.keys().next().value!)
}

const droppedMark = (count: number, timestamp: number): SentLine => ({
  message: `${count} ${count === 1 ? 'line' : 'lines'} dropped: not understood`,
  timestamp,
  isSystem: true,
  isStdErr: true,
})

/** `N`, or `all`: as much as there is, up to the usual most. */
function countOf(text: string | undefined, usual: number): number {
  if (text === undefined || text === '') return usual
  if (text === 'all') return historyMost
  if (!/^\d+$/.test(text))
    throw badRequest(`cannot give ${JSON.stringify(text)} lines · count is a number or "all"`)
  return Math.min(historyMost, Number(text))
}

/** Epoch ms, or ISO. */
function startOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const start = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(start))
    throw badRequest(`cannot start at ${JSON.stringify(text)} · give milliseconds or an ISO date`)
  return start
}
