import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { createKey } from '../accounts/api-keys.ts'
import type { Actor } from '../auth/actor.ts'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { badRequest, notFound, unauthorized } from '../problems.ts'
import { deviceConfig } from './device-config.ts'

const yes = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')])
const text = z.string().max(255).optional()
const configWish = z.object({
  appId: z.coerce
    .number('An appId is required.')
    .int('An appId is required.')
    .min(1, 'An appId is required.'),
  version: z.string('A version is required.').min(1, 'A version is required.'),
  deviceType: text,
  network: z.enum(['ethernet', 'wifi']).optional(),
  wifiSsid: text,
  wifiKey: text,
  ip: text,
  gateway: text,
  netmask: text,
  appUpdatePollInterval: z.coerce.number().min(0).max(100_000).optional(),
  developmentMode: yes.optional(),
  secureboot: yes.optional(),
  provisioningKeyName: z.string().max(50).nullish(),
  provisioningKeyDescription: z.string().max(150).nullish(),
  provisioningKeyExpiryDate: z.iso
    .datetime({ offset: true })
    .transform((date) => new Date(date))
    .nullish(),
  /** Ours: for a device on the platform's own machine, which knows the platform by its internal name. */
  internal: yes.optional(),
})

type Wish = z.infer<typeof configWish>

/** What prepares a device to join a fleet, and what clients want to know of the platform. */
export function applicationRoutes(app: FastifyInstance, ctx: Context): void {
  const download = async (request: FastifyRequest, given: unknown) => {
    const asking = await whoAsks(ctx, request)
    if (asking.kind !== 'user') throw unauthorized()
    const read = configWish.safeParse(given ?? {})
    if (!read.success) throw badRequest(read.error.issues[0]!.message)
    return config(ctx, asking, read.data)
  }
  app.post('/download-config', (request) => download(request, request.body))
  app.get('/download-config', (request) => download(request, request.query))

  app.get('/config', () => {
    const { host, hostname } = new URL(ctx.config.url)
    return {
      deployment: 'copal',
      deviceUrlsBase: `devices.${host}`,
      adminUrl: `admin.${host}`,
      gitServerUrl: hostname,
      DEVICE_ONLINE_ICON: '',
      DEVICE_OFFLINE_ICON: '',
      signupCodeRequired: false,
      supportedSocialProviders: [],
    }
  })
}

async function config(ctx: Context, asking: Actor & { kind: 'user' }, { appId, ...wish }: Wish) {
  const deviceType = await typeFor(ctx, appId, wish.deviceType)
  const apiKey = await createKey(
    ctx,
    asking,
    { type: 'application', id: appId, role: 'provisioning-api-key' },
    {
      name: wish.provisioningKeyName ?? 'Automatically generated provisioning key',
      description: wish.provisioningKeyDescription,
      expiryDate: wish.provisioningKeyExpiryDate,
    },
  )
  // Devices always speak TLS, with our CA: the same port takes it whatever the address says.
  const url = wish.internal
    ? `https://${ctx.config.internalName}:${ctx.config.port}`
    : ctx.config.url.replace(/^http:/, 'https:')
  const place = { url, ca: ctx.keys.ca.certificate, application: appId, user: asking.id, apiKey }
  return deviceConfig(place, { ...wish, deviceType })
}

/** The slug of the device type that is named by slug or alias, else the fleet's own. */
async function typeFor(ctx: Context, application: number, name: string | undefined): Promise<string> {
  const { sql } = ctx.db
  const [type] = await sql<{ slug: string }[]>`
    select slug from device_type where id = ${
      name === undefined
        ? sql`(select is_for__device_type from application where id = ${application})`
        : sql`(select device_type from device_type_alias where is_referenced_by__alias = ${name})`
    }`
  if (type) return type.slug
  if (name === undefined) throw notFound(`cannot find fleet ${application}`)
  throw badRequest(`cannot find the device type ${name}`)
}
