import { installServices } from '../devices/install-services.ts'
import type { Tx } from '../kit/db/db.ts'

/**
 * Where the fleet follows the latest release, moves it to the one that is latest now: by start, among successful, final
 * and valid ones that pass their tests; to none when there is none. Needs the fleet's lock.
 * @returns whether the fleet's target changed
 */
export async function followLatest(tx: Tx, application: number): Promise<boolean> {
  const [moved] = await tx.sql`
    with latest as (
      select max(id) as id from (
        select id from release
        where belongs_to__application = ${application} and status = 'success' and revision is not null
          and not is_invalidated and is_passing_tests
        order by start_timestamp desc, id desc limit 1
      ) newest
    )
    update application set should_be_running__release = latest.id, modified_at = now() from latest
    where application.id = ${application} and should_track_latest_release
      and should_be_running__release is distinct from latest.id
    returning application.id`
  if (!moved) return false
  await installServices(tx, { application })
  await tx.changed('target', { application })
  return true
}
