import type { Tx } from '../kit/db/db.ts'

/**
 * Makes sure that each service of a device's target release has its `service_install`: variables of a service on one device
 * hang on it. Called whenever a target changes. Rows of services that are no longer in the target stay, with their variables.
 */
export async function installServices(
  { sql }: Tx,
  of: { application: number } | { device: number },
): Promise<void> {
  await sql`
    insert into service_install (device, installs__service)
    select distinct d.id, i.is_a_build_of__service
    from device d
    join application a on a.id = d.belongs_to__application
    join release_image ri on ri.is_part_of__release = coalesce(d.is_pinned_on__release, a.should_be_running__release)
    join image i on i.id = ri.image
    where ${'device' in of ? sql`d.id = ${of.device}` : sql`d.belongs_to__application = ${of.application}`}
    order by 1, 2
    on conflict do nothing`
}
