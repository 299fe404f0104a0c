import { ARCHITECTURES, type Architecture } from '@copal/compose/architectures.ts'
import type { Context } from '../context.ts'
import { badRequest, notFound } from '../problems.ts'

/** What a build must know of its fleet. */
export interface FleetToBuild {
  id: number
  app_name: string
  slug: string
  organization: number
  device_type: string
  arch: Architecture
  /** Build variables. */
  variables: Record<string, string>
}

/** @throws Problem 404 when it was removed meanwhile, 400 for a processor that nothing is built for */
export async function fleetToBuild(ctx: Context, id: number): Promise<FleetToBuild> {
  const [row] = await ctx.db.sql<FleetToBuild[]>`
    select a.id, a.app_name, a.slug, a.organization, dt.slug as device_type, ca.slug as arch,
      (select coalesce(json_object_agg(name, value), '{}') from build_environment_variable where application = a.id) as variables
    from application a join device_type dt on dt.id = a.is_for__device_type
    join cpu_architecture ca on ca.id = dt.is_of__cpu_architecture where a.id = ${id}`
  if (!row) throw notFound('cannot build: the fleet does not exist any more')
  if (!ARCHITECTURES.includes(row.arch))
    throw badRequest(
      `cannot build for ${row.device_type}: its processor is ${row.arch} · there are ${ARCHITECTURES.join(', ')}`,
    )
  return row
}
