import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hashKey } from '../auth/api-key.ts'
import { credentialOf, whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { heartbeats } from '../devices/heartbeat.ts'
import { deviceFor } from '../devices/queries.ts'
import { notFound, unauthorized } from '../problems.ts'
import { deviceRows, fleetRows, withFragment, type DeviceRows } from './queries.ts'
import { intervalOf, readTarget, registryFor, targetRows } from './read-target.ts'
import { etagOf, matches, targetOfDevice, targetOfFleet } from './target-state.ts'
import { v2Document } from './v2-document.ts'

/** What a device should run (device-api §2), for devices and for people. */
export function targetRoutes(app: FastifyInstance, ctx: Context): void {
  app.get<{ Params: { uuid: string } }>('/device/v3/:uuid/state', async (request, reply) => {
    const rows = await rowsFor(ctx, request.params.uuid, request)
    if (rows === 'former') return reply.code(304).send()
    const { etag, interval, text } = await readTarget(ctx, rows, registryFor(ctx, request.headers.host))
    if (rows.own) heartbeats(ctx).seen(rows.id, interval)
    if (rows.is_frozen) return reply.code(304).send()
    return answer(request, reply, etag, text)
  })

  app.get<{ Params: { uuid: string } }>('/device/v2/:uuid/state', async (request, reply) => {
    const rows = await rowsFor(ctx, request.params.uuid, request)
    if (rows === 'former') return reply.code(304).send()
    const parts = await targetRows(ctx, rows)
    if (rows.own) heartbeats(ctx).seen(rows.id, intervalOf(parts))
    const target = targetOfDevice(parts, registryFor(ctx, request.headers.host))
    const text = JSON.stringify(v2Document(target, parts.fleet && target.apps[parts.fleet.row.uuid]))
    return answer(request, reply, etagOf(text), async () => text)
  })

  app.get<{ Params: { uuid: string }; Querystring: { releaseUuid?: string } }>(
    '/device/v3/fleet/:uuid/state',
    async (request, reply) => {
      const asking = await whoAsks(ctx, request)
      const { uuid } = request.params
      const fleet = await fleetRows(ctx, uuid, request.query.releaseUuid)
      const [member] =
        asking.kind === 'user' && fleet
          ? await ctx.db.sql`
              select from organization_membership m join organization_membership_role r on r.id = m.organization_membership_role
              where m."user" = ${asking.id} and m.is_member_of__organization = ${fleet.organization} and r.name <> 'observer'`
          : []
      const own = asking.kind === 'application' && asking.id === fleet?.id
      if (!fleet || !(member || own))
        throw asking.kind === 'guest' ? unauthorized() : notFound(`cannot find fleet ${uuid}`)
      if (request.query.releaseUuid && fleet.release === null)
        throw notFound(
          `cannot find release ${request.query.releaseUuid} of fleet ${uuid} with its images · see \`copal release list\``,
        )
      const target = targetOfFleet(await withFragment(ctx, fleet), registryFor(ctx, request.headers.host))
      const text = JSON.stringify({ [uuid]: target })
      return answer(request, reply, etagOf(text), async () => text)
    },
  )
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  text: () => Promise<string>,
): Promise<FastifyReply> {
  reply.header('ETag', etag)
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type('application/json').send(await text())
}

/**
 * The device's rows if the caller may see its target: itself (one statement, key and all), or a person who may see its
 * variables. `former`: the key of a device that was removed, which is to go on with what it has. Else 401.
 */
async function rowsFor(ctx: Context, uuid: string, request: FastifyRequest): Promise<DeviceRows | 'former'> {
  const credential = credentialOf(request)
  if (!credential) throw unauthorized()
  const rows = await deviceRows(ctx, uuid, hashKey(credential))
  if (rows?.own) return rows
  if (!rows && (await isFormerKey(ctx, credential))) return 'former'
  const asking = await whoAsks(ctx, request)
  if (asking.kind === 'user' && rows && (await deviceFor(ctx, asking, { uuid }, 'see secrets'))) return rows
  throw unauthorized(`cannot tell the target of device ${uuid}: it is unknown, or not yours`)
}

async function isFormerKey(ctx: Context, credential: string): Promise<boolean> {
  const [row] = await ctx.db.sql`
    select from api_key k where k.key_hash = ${hashKey(credential)} and k.role = 'device-api-key'
      and not exists (select from device d where d.actor = k.is_of__actor)`
  return row !== undefined
}
