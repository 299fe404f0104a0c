import { hashKey } from '../auth/api-key.ts'
import type { Context } from '../context.ts'
import type { Sql } from '../kit/db/db.ts'
import { supervisorRelease } from '../devices/queries.ts'
import type { Metrics, StateFields } from './fields.ts'

/** Who the report is about, proved by its key, or known already (a line). */
export type Reporter = { uuid: string; key: string } | { uuid: string; id: number }

/** What the report mentions: to be resolved together with the device, in one statement. */
export interface Mentioned {
  /** `<app uuid>/<commit>` */
  releases: string[]
  /** `v2/<hash>` */
  locations: string[]
  supervisor: string | null
  /** Whether it tells what is installed: most reports don't, and cost less. */
  installs: boolean
}

export interface Known extends StateFields {
  id: number
  application: number | null
  application_uuid: string | null
  report_version: number
  public_address: string | null
  is_running__release: number | null
  should_be_managed_by__release: number | null
  update_status: string | null
  metrics: Metrics | null
  /** Our supervisor's release of the mentioned version, for this device's architecture. */
  supervisor_release?: number | null
  releases?: { id: number; app: string; commit: string }[] | null
  images?: { id: number; release: number; location: string; content_hash: string | null }[] | null
  deleted?: { app: string; commit: string; location: string }[] | null
  installs?: Install[] | null
}

export interface Install {
  image: number
  release: number
  status: string
  download_progress: number | null
}

/**
 * The device as it stands, with everything its report mentions. An image counts when it belongs to a release of the device's
 * own fleet, of a public application (supervisor, host OS), or when the device had it before (it was moved since).
 */
export async function known(
  ctx: Context,
  reporter: Reporter,
  mentioned: Mentioned,
): Promise<Known | undefined> {
  const { sql } = ctx.db
  const [row] = await sql<Known[]>`
    select d.id, d.belongs_to__application as application, f.uuid as application_uuid, d.report_version, d.public_address,
      d.is_running__release, d.should_be_managed_by__release, d.update_status,
      d.status, d.os_version, d.os_variant, d.supervisor_version, d.provisioning_progress, d.provisioning_state, d.ip_address,
      d.mac_address, d.api_port, d.api_secret, d.cpu_id, d.is_undervolted,
      (select to_json(m) from device_metrics m where m.device = d.id) as metrics
      ${mentioned.supervisor ? supervisorOf(sql, mentioned.supervisor) : sql``}
      ${mentioned.installs ? installsOf(sql, mentioned) : sql``}
    from device d left join application f on f.id = d.belongs_to__application
    where d.uuid = ${reporter.uuid} and ${
      'id' in reporter
        ? sql`d.id = ${reporter.id}`
        : sql`exists (select from api_key k where k.key_hash = ${hashKey(reporter.key)} and k.is_of__actor = d.actor
            and (k.expiry_date is null or k.expiry_date > ${ctx.now()}))`
    }`
  return row
}

const supervisorOf = (sql: Sql, version: string) => sql`,
      case when d.should_be_managed_by__release is null then ${supervisorRelease(
        sql,
        sql`(select c.slug from device_type t join cpu_architecture c on c.id = t.is_of__cpu_architecture where t.id = d.is_of__device_type)`,
        version,
      )} end as supervisor_release`

const installsOf = (sql: Sql, mentioned: Mentioned) => sql`,
      (select json_agg(json_build_object('id', r.id, 'app', a.uuid, 'commit', r.commit))
        from unnest(${mentioned.releases}::text[]) as m(name)
        join application a on a.uuid = split_part(m.name, '/', 1)
        join release r on r.belongs_to__application = a.id and r.commit = split_part(m.name, '/', 2) and r.status = 'success'
        where a.id = d.belongs_to__application or a.is_public or exists (
          select from image_install ii join release had on had.id = ii.is_provided_by__release
          where ii.device = d.id and had.belongs_to__application = a.id)) as releases,
      (select json_agg(json_build_object('id', i.id, 'release', ri.is_part_of__release, 'location', i.location, 'content_hash', i.content_hash))
        from image i join release_image ri on ri.image = i.id
        where i.location = any(${mentioned.locations})) as images,
      (select json_agg(json_build_object('app', a.uuid, 'commit', g.commit, 'location', g.location))
        from deleted_release_image g join application a on a.id = g.application
        where g.location = any(${mentioned.locations})) as deleted,
      (select json_agg(json_build_object('image', i.installs__image, 'release', i.is_provided_by__release, 'status', i.status,
          'download_progress', i.download_progress))
        from image_install i where i.device = d.id) as installs`
