import type { Tx } from '../kit/db/db.ts'

/** Sees to it that every device has a row for each service of the release that it should run. Rows are never taken away. */
export async function installServices(
  tx: Tx,
  of: { application: number } | { device: number },
): Promise<void> {
  await tx.sql`
    insert into service_install (device, installs__service)
    select d.id, i.is_a_build_of__service
    from device d join application a on a.id = d.belongs_to__application
    join release_image ri on ri.is_part_of__release = coalesce(d.is_pinned_on__release, a.should_be_running__release)
    join image i on i.id = ri.image
    where ${'device' in of ? tx.sql`d.id = ${of.device}` : tx.sql`a.id = ${of.application}`}
    on conflict do nothing`
}
