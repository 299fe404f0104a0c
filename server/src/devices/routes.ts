import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { Problem, badRequest, unauthorized } from '../problems.ts'
import { osConfig } from './os-config.ts'
import { deviceFor } from './queries.ts'
import { registerDevice } from './register-device.ts'
import { setDeviceKey } from './set-device-key.ts'
import { setTags } from './set-tags.ts'

const text = z
  .string()
  .nullish()
  .transform((value) => value || undefined)
/** Numbers come as text in forms. */
const integer = (sentence: string) => z.coerce.number(sentence).int(sentence).min(1, sentence)
const registration = z.object({
  user: integer('User ID must be a valid integer').nullish(),
  application: integer('Application ID must be a valid integer'),
  device_type: z.string('Device type must be specified').min(1, 'Device type must be specified'),
  uuid: z.string('UUID must be specified').min(1, 'UUID must be specified'),
  api_key: text,
  supervisor_version: text,
  os_version: text,
  os_variant: text,
  mac_address: text,
})

/** What devices call before and beside their loop (device-api §1, §9, §11). */
export function deviceRoutes(app: FastifyInstance, ctx: Context): void {
  // JSON, or a form: the flasher is a shell script. Anything but 201 is a failure for clients.
  app.post('/device/register', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'application') return reply.code(401).send({ error: 'API key required' })
    const read = registration.safeParse(request.body ?? {})
    if (!read.success) throw badRequest(read.error.issues[0]!.message)
    const { application, device_type, user: _, api_key, ...rest } = read.data
    const device = await registerDevice(ctx, asking, {
      ...rest,
      api_key: api_key ?? true,
      belongs_to__application: application,
      is_of__device_type: device_type,
    })
    return reply.code(201).send(device)
  })

  const keyWish = z.object({
    apiKey: text,
    name: z.string().max(50).nullish(),
    description: z.string().max(150).nullish(),
    expiryDate: z.iso.datetime().nullish(),
  })
  app.post<{ Params: { id: string } }>('/api-key/device/:id/device-key', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    const { apiKey, name, description, expiryDate } = keyWish.parse(request.body ?? {})
    const key = await setDeviceKey(ctx, asking, idOf(request.params.id), {
      apiKey,
      name: name ?? undefined,
      description: description ?? undefined,
      expiryDate: expiryDate ? new Date(expiryDate) : undefined,
    })
    return jsonText(reply, key)
  })

  app.patch('/device/v3/tags', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    const body = z.record(z.string(), z.record(z.string(), z.string())).parse(request.body)
    const tags = Object.entries(body).filter(([, values]) => Object.keys(values).length > 0)
    if (tags.length === 0) throw badRequest('No tags were sent to be updated.')
    for (const [uuid, values] of tags) await setTags(ctx, asking, uuid, values)
    return reply.code(200).send()
  })

  app.get('/os/v1/config', () => osConfig(ctx.config))

  app.get<{ Params: { uuid: string } }>('/access/v1/hostos/:uuid', async (request, reply) => {
    const asking = await whoAsks(ctx, request)
    if (!(await deviceFor(ctx, asking, { uuid: request.params.uuid }, 'write'))) throw unauthorized()
    return reply.code(200).send()
  })
}

function idOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Problem(404, 'not_found', `cannot find device ${text}`)
  return Number(text)
}

/** A JSON string; a plain `send` would take it for text. */
const jsonText = (reply: FastifyReply, value: string) =>
  reply.type('application/json').send(JSON.stringify(value))
