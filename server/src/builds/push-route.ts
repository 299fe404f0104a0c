// `POST /v3/build`: a folder as gzip(tar), answered by a JSON array that grows while the build runs (builder-and-push §1).
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { whoAsks } from '../auth/who.ts'
import type { User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { problemOf } from '../kit/http/errors.ts'
import { Problem } from '../problems.ts'
import { buildRelease } from './build-release.ts'
import { startDetached, type DetachedWish } from './detached.ts'
import { fleetFor, type FleetRow } from './fleet-for.ts'
import type { BuildOutput } from './output.ts'
import { readTar, sourceLimits } from './source.ts'

const keepAliveEvery = 25_000 // ms; proxies and NAT cut what is silent for a minute

const stillSending = 30_000 // ms

const flag = z
  .enum(['true', 'false', ''])
  .default('false')
  .transform((word) => word === 'true')
const query = z.object({
  slug: z.string().min(1).optional(),
  owner: z.string().optional(),
  app: z.string().optional(),
  dockerfilePath: z.string().max(1000).default(''),
  emulated: flag,
  nocache: flag,
  headless: flag,
  isdraft: flag,
})
type Query = z.output<typeof query>

export async function handlePush(
  ctx: Context,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.method !== 'POST') throw new Problem(405, 'method', 'cannot answer: a build begins with POST')
    const asked = query.parse(Object.fromEntries(new URL(request.url!, 'http://platform').searchParams))
    const name = asked.slug ?? (asked.owner && asked.app ? `${asked.owner}/${asked.app}` : '')
    const { fleet, user } = await fleetFor(ctx, await whoAsks(ctx, request), name, 'build')
    await (asked.headless ? pushHeadless : pushAttached)(ctx, { asked, fleet, user }, request, response)
  } catch (error) {
    refuse(ctx, error, request, response)
  }
}

interface Push {
  asked: Query
  fleet: FleetRow
  user: User
}

function wishOf({ asked, fleet, user }: Push): Omit<DetachedWish, 'source'> {
  return {
    application: fleet,
    user,
    commit: randomBytes(16).toString('hex'),
    nocache: asked.nocache,
    emulated: asked.emulated,
    draft: asked.isdraft,
    dockerfilePath: asked.dockerfilePath,
  }
}

async function pushAttached(
  ctx: Context,
  push: Push,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await using source = await readTar(request, sourceLimits(ctx))
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const array = new JsonArray(response)
  const output: BuildOutput = {
    line: (message) => array.push({ message }),
    progress: (message) => array.push({ message, replace: true }),
    release: (id) => array.push({ type: 'metadata', resource: 'buildLogId', value: String(id) }),
  }
  try {
    await buildRelease(ctx, { ...wishOf(push), source, output, signal: gone.signal })
  } catch (error) {
    array.push({ message: sentenceOf(ctx, error), isError: true })
  }
  array.end()
}

/** The answer goes out when the release has a row; the build goes on without its pusher. */
async function pushHeadless(
  ctx: Context,
  push: Push,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const source = await readTar(request, sourceLimits(ctx))
  const { release } = startDetached(ctx, { ...wishOf(push), source })
  try {
    json(response, 200, { started: true, releaseId: await release })
  } catch (error) {
    json(response, 200, { started: false, error: 'Invalid request', message: sentenceOf(ctx, error) })
  }
}

/** Elements as they come. Whitespace between them keeps the connection alive and means nothing. */
class JsonArray {
  #response: ServerResponse
  #separator = '['
  #timer: NodeJS.Timeout

  constructor(response: ServerResponse) {
    this.#response = response
    response.writeHead(200, { 'content-type': 'application/json', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    this.#timer = setInterval(() => response.write('\n'), keepAliveEvery)
    response.on('close', () => clearInterval(this.#timer))
  }

  push(element: object): void {
    if (this.#response.destroyed) return
    // Each element ends its line, so that whoever reads by lines has it at once.
    this.#response.write(`${this.#separator}${JSON.stringify(element)}\n`)
    this.#separator = ','
  }

  end(): void {
    clearInterval(this.#timer)
    this.#response.end(this.#separator === '[' ? '[]\n' : ']\n')
  }
}

function refuse(ctx: Context, error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf(error)
  if (!problem && !request.destroyed) ctx.log.error({ err: error }, 'a push failed by a bug')
  if (response.headersSent) return void response.destroy()
  const { status, message, headers } = problem ?? { status: 500, message: 'internal error', headers: {} }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // Clients print the body as it is. Those that are still sending get to read it, too, instead of a reset: what comes is
  // thrown away for a while.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${message}\n`)
  request.resume()
  const late = setTimeout(() => request.destroy(), stillSending)
  request.once('close', () => clearTimeout(late))
}

function sentenceOf(ctx: Context, error: unknown): string {
  const problem = problemOf(error)
  if (!problem) ctx.log.error({ err: error }, 'a build failed by a bug')
  return problem?.message ?? 'internal error'
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
