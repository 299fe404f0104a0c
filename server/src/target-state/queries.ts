// The one statement behind a device's target, and the fragment that all devices of a fleet on one release share.
import type { Context } from '../context.ts'
import { onePer } from '../kit/one-per.ts'
import type { App, AppRow, DeviceRow, Fragment } from './target-state.ts'

const fragmentsMost = 1000

interface AppOfDevice extends AppRow {
  release: number | null
  /** Tells whether a cached fragment still holds; see `target_change`. */
  changes: string
}

export interface DeviceRows extends DeviceRow {
  application: number | null
  /** Whether the key is this device's. */
  own: boolean
  apps: AppOfDevice[] | null
}

/** Everything of one device, and the versions of what it shares. `keyHash`: the caller's, checked in the same statement. */
export async function deviceRows(
  ctx: Context,
  uuid: string,
  keyHash: Buffer | null,
): Promise<DeviceRows | undefined> {
  const [row] = await ctx.db.sql<DeviceRows[]>`
    select d.id, d.uuid, d.device_name as name, d.supervisor_version, d.is_frozen, d.belongs_to__application as application,
      exists (select from api_key k where k.key_hash = ${keyHash} and k.is_of__actor = d.actor
        and (k.expiry_date is null or k.expiry_date > ${ctx.now()})) as own,
      (select json_object_agg(v.name, v.value) from device_config_variable v where v.device = d.id) as config,
      (select json_object_agg(v.name, v.value) from device_environment_variable v where v.device = d.id) as environment,
      (select json_agg(json_build_object('service', i.installs__service, 'name', v.name, 'value', v.value))
        from service_install i join device_service_environment_variable v on v.service_install = i.id
        where i.device = d.id) as service_environment,
      (select json_agg(json_build_object('id', a.id, 'uuid', a.uuid, 'name', a.app_name, 'is_host', a.is_host,
          'class', a.is_of__class, 'release', w.release,
          'changes', (select concat_ws('.', count(*), min(t.transaction), max(t.transaction)) from target_change t where t.application = a.id)
        ) order by a.id)
        from (
          select f.id as application, coalesce(d.is_pinned_on__release, f.should_be_running__release) as release
          union all
          select r.belongs_to__application, r.id from release r
          where r.id in (d.should_be_managed_by__release, coalesce(d.should_be_operated_by__release, f.should_be_operated_by__release))
        ) w join application a on a.id = w.application) as apps
    from device d left join application f on f.id = d.belongs_to__application
    where d.uuid = ${uuid}`
  return row
}

/** A fleet and the release that is asked for by its commit, or that the fleet is on; undefined when there is no such thing. */
export async function fleetRows(
  ctx: Context,
  uuid: string,
  commit: string | undefined,
): Promise<(AppOfDevice & { organization: number; is_public: boolean }) | undefined> {
  const { sql } = ctx.db
  const [row] = await sql<(AppOfDevice & { organization: number; is_public: boolean })[]>`
    select a.id, a.uuid, a.app_name as name, a.is_host, a.is_of__class as class, a.organization, a.is_public,
      ${
        commit
          ? sql`(select r.id from release r where r.belongs_to__application = a.id and r.commit = ${commit} and r.status = 'success'
              and r.images_let_go_at is null)`
          : sql`a.should_be_running__release`
      } as release,
      (select concat_ws('.', count(*), min(t.transaction), max(t.transaction)) from target_change t where t.application = a.id) as changes
    from application a where a.uuid = ${uuid}`
  return row
}

const fragments = onePer<Context, Map<string, Promise<Fragment>>>(() => new Map())

/** The shared part, from memory while nothing changed. */
export async function withFragment(ctx: Context, { release, changes, ...row }: AppOfDevice): Promise<App> {
  const known = fragments(ctx)
  const key = `${row.id}/${release}/${changes}`
  let fragment = known.get(key)
  if (!fragment) {
    fragment = readFragment(ctx, row.id, release)
    fragment.catch(() => known.delete(key))
    known.set(key, fragment)
    if (known.size > fragmentsMost) known.delete(known.keys().next().value!)
  }
  return { row, fragment: await fragment }
}

async function readFragment(ctx: Context, application: number, release: number | null): Promise<Fragment> {
  const [row] = await ctx.db.sql<Fragment[]>`
    select
      (select json_object_agg(v.name, v.value) from application_config_variable v where v.application = ${application}) as config,
      (select json_object_agg(v.name, v.value) from application_environment_variable v where v.application = ${application}) as environment,
      (select json_build_object('id', r.id, 'commit', r.commit, 'composition', r.composition, 'services', (
          select json_agg(json_build_object('id', s.id, 'name', s.service_name, 'image_id', i.id, 'location', i.location,
            'content_hash', i.content_hash, 'contract', i.contract,
            'image_labels', (select json_object_agg(l.label_name, l.value) from image_label l where l.release_image = ri.id),
            'service_labels', (select json_object_agg(l.label_name, l.value) from service_label l where l.service = s.id),
            'image_environment', (select json_object_agg(v.name, v.value) from image_environment_variable v where v.release_image = ri.id),
            'service_environment', (select json_object_agg(v.name, v.value) from service_environment_variable v where v.service = s.id)
          ) order by s.service_name)
          from release_image ri join image i on i.id = ri.image join service s on s.id = i.is_a_build_of__service
          where ri.is_part_of__release = r.id))
        from release r where r.id = ${release}) as release`
  return row!
}
