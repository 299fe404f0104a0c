import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { cancelBuild } from './cancel-build.ts'
import { fleetFor } from './fleet-for.ts'
import { followBuild } from './follow-build.ts'
import { listBuilds, visibleBuild } from './list-builds.ts'
import { rebuildRelease } from './rebuild-release.ts'

/** Builds as our own CLI and dashboard see them (docs/wire/builds.md). */
export function buildRoutes(app: FastifyInstance, ctx: Context): void {
  const id = z.object({ id: z.coerce.number().int().positive() })

  app.get('/builds/v1', async (request) => {
    const { fleet: name, limit } = z
      .object({ fleet: z.string().optional(), limit: z.coerce.number().int().min(1).max(100).default(20) })
      .parse(request.query)
    const asking = await whoAsks(ctx, request)
    const fleet = name === undefined ? undefined : (await fleetFor(ctx, asking, name, 'see')).fleet
    return { builds: await listBuilds(ctx, asking, { fleet: fleet?.id, limit }) }
  })

  app.post('/builds/v1', async (request) => {
    const asked = z
      .object({
        rebuild: z.number().int().positive(),
        nocache: z.boolean().default(false),
        draft: z.boolean().optional(),
      })
      .parse(request.body)
    const asking = await whoAsks(ctx, request)
    const build = await rebuildRelease(ctx, asking, asked.rebuild, asked)
    return visibleBuild(ctx, asking, build, 'see')
  })

  app.get('/builds/v1/:id', async (request) =>
    visibleBuild(ctx, await whoAsks(ctx, request), id.parse(request.params).id, 'see'),
  )

  app.get('/builds/v1/:id/log', async (request, reply) => {
    const build = await visibleBuild(ctx, await whoAsks(ctx, request), id.parse(request.params).id, 'see')
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const lines = Readable.from(followBuild(ctx, build.id, gone.signal))
    return reply.type('application/x-ndjson').send(lines)
  })

  app.post('/builds/v1/:id/cancel', async (request) => {
    const build = await visibleBuild(ctx, await whoAsks(ctx, request), id.parse(request.params).id, 'cancel')
    await cancelBuild(ctx, build.id)
    return {}
  })
}
