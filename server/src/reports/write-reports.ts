import type { Context } from '../context.ts'
import type { Difference } from './difference.ts'

export interface Write {
  device: number
  /** `device.report_version` of the row that was compared with; another one by now means: read again. */
  version: number
  difference: Difference
}

/**
 * Writes what the reports of several devices change, in one statement and so in one transaction. Returns for each whether it
 * was written; one that was not met a newer row. A device must not be in the list twice.
 */
export async function writeReports(ctx: Context, writes: Write[]): Promise<boolean[]> {
  const now = ctx.now()
  const devices = writes.map(({ device, version, difference }) => ({
    id: device,
    version,
    changed: difference.device !== undefined,
    ...difference.device,
  }))
  const metrics = writes.flatMap(({ device, difference }) =>
    difference.metrics ? { device, ...difference.metrics } : [],
  )
  const installs = writes.flatMap(({ device, difference }) =>
    difference.installs.map((install) => ({ device, ...install })),
  )
  const { sql } = ctx.db
  // Numbers alone touch the narrow table only: not even a lock is written into the device's row.
  const locking =
    installs.length > 0 || devices.some(({ changed }) => changed) ? sql`for no key update of d` : sql``
  const measured =
    metrics.length === 0
      ? sql``
      : sql`, measured as (
      insert into device_metrics (device, memory_usage, memory_total, storage_usage, storage_total, storage_block_device,
        cpu_usage, cpu_temp, updated_at)
      select m.device, m.memory_usage, m.memory_total, m.storage_usage, m.storage_total, m.storage_block_device,
        m.cpu_usage, m.cpu_temp, ${now}
      from json_to_recordset(${JSON.stringify(metrics)}::text::json) as m(device integer, memory_usage integer, memory_total integer,
        storage_usage integer, storage_total integer, storage_block_device text, cpu_usage integer, cpu_temp integer)
      join report on report.id = m.device
      on conflict (device) do update set memory_usage = excluded.memory_usage, memory_total = excluded.memory_total,
        storage_usage = excluded.storage_usage, storage_total = excluded.storage_total,
        storage_block_device = excluded.storage_block_device, cpu_usage = excluded.cpu_usage, cpu_temp = excluded.cpu_temp,
        updated_at = excluded.updated_at
    )`
  const installed =
    installs.length === 0
      ? sql``
      : sql`, installed as (
      insert into image_install (device, installs__image, is_provided_by__release, status, download_progress, install_date)
      select i.device, image.id, release.id, i.status, i.download_progress, ${now}
      from json_to_recordset(${JSON.stringify(installs)}::text::json) as i(device integer, image integer, release integer, status text,
        download_progress integer)
      join report on report.id = i.device
      join image on image.id = i.image
      join release on release.id = i.release
      on conflict (device, installs__image) do update set is_provided_by__release = excluded.is_provided_by__release,
        status = excluded.status, download_progress = excluded.download_progress
    )`
  const rows = await sql<{ id: number }[]>`
    with report as (
      select r.* from json_to_recordset(${JSON.stringify(devices)}::text::json) as r(id integer, version integer, changed boolean, status text,
        os_version text, os_variant text, supervisor_version text, provisioning_progress integer, provisioning_state text,
        ip_address text, mac_address text, api_port integer, api_secret text, cpu_id text, is_undervolted boolean,
        public_address text, is_running__release integer, should_be_managed_by__release integer, update_status text,
        update_status_changed boolean)
      join device d on d.id = r.id and d.report_version = r.version
      order by d.id ${locking}
    ), written as (
      update device d set status = r.status, os_version = r.os_version, os_variant = r.os_variant,
        supervisor_version = r.supervisor_version, provisioning_progress = r.provisioning_progress,
        provisioning_state = r.provisioning_state, ip_address = r.ip_address, mac_address = r.mac_address,
        api_port = r.api_port, api_secret = r.api_secret, cpu_id = r.cpu_id, is_undervolted = r.is_undervolted,
        public_address = r.public_address, is_running__release = r.is_running__release,
        should_be_managed_by__release = r.should_be_managed_by__release, update_status = r.update_status,
        last_update_status_event = case when r.update_status_changed then ${now} else d.last_update_status_event end,
        report_version = d.report_version + 1
      from report r where d.id = r.id and r.changed
    ) ${measured} ${installed}
    select id from report`
  const done = new Set(rows.map(({ id }) => id))
  return writes.map(({ device }) => done.has(device))
}
