import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { notFound } from '../problems.ts'
import { describeDeviceType, type DeviceTypeRow } from './describe.ts'

/** The list from which clients pick what they flash or configure; readable without a login. */
export function deviceTypeRoutes(app: FastifyInstance, ctx: Context): void {
  app.get('/device-types/v1', async () => (await rows(ctx)).map(describeDeviceType))

  app.get<{ Params: { slug: string } }>('/device-types/v1/:slug', async (request) => {
    const [found] = await rows(ctx, request.params.slug)
    if (!found) throw notFound(`cannot find the device type ${request.params.slug}`)
    return describeDeviceType(found)
  })
}

/** All of them, or the one of a slug or alias. */
async function rows(ctx: Context, slug?: string): Promise<DeviceTypeRow[]> {
  const { sql } = ctx.db
  return sql<DeviceTypeRow[]>`
    select t.slug, t.name, c.slug as arch,
      (select array_agg(a.is_referenced_by__alias order by a.id) from device_type_alias a where a.device_type = t.id) as aliases
    from device_type t join cpu_architecture c on c.id = t.is_of__cpu_architecture
    ${slug === undefined ? sql`` : sql`where t.id = (select device_type from device_type_alias where is_referenced_by__alias = ${slug})`}
    order by t.name`
}
