// How a device is doing, in one word and one number, as SQL (cloud-api §7). The first rule that fits wins.

/** Its pin, else the target of its fleet. */
export const targetRelease = (row: string) =>
  `coalesce(${row}.is_pinned_on__release,
     (select f.should_be_running__release from application f where f.id = ${row}.belongs_to__application))`

const postProvisioning = (row: string) => `${row}.provisioning_state = 'Post-Provisioning'`
const neverSeen = (row: string) =>
  `not ${row}.is_connected_to_vpn and ${row}.last_connectivity_event is null and ${row}.api_heartbeat_state = 'unknown'`
const gone = (row: string) =>
  `not ${row}.is_connected_to_vpn and ${row}.api_heartbeat_state in ('offline', 'unknown')`
const heard = (row: string) => `${row}.api_heartbeat_state in ('online', 'timeout')`
const downloads = (row: string) => `${row}.download_progress is not null and ${row}.status = 'Downloading'`
const installDownloads = (row: string) =>
  `exists (select 1 from image_install i where i.device = ${row}.id and i.status = 'Downloading' and i.download_progress is not null)`

/** The prefixes are the same variable; `BALENA_` wins, and the device before its fleet. */
const vpnDisabled = (row: string) =>
  `coalesce(
     (select v.value from device_config_variable v where v.device = ${row}.id
       and v.name in ('BALENA_SUPERVISOR_VPN_CONTROL', 'RESIN_SUPERVISOR_VPN_CONTROL') order by v.name limit 1),
     (select v.value from application_config_variable v where v.application = ${row}.belongs_to__application
       and v.name in ('BALENA_SUPERVISOR_VPN_CONTROL', 'RESIN_SUPERVISOR_VPN_CONTROL') order by v.name limit 1)) = 'false'`

const reduced = (row: string) =>
  `${row}.api_heartbeat_state = 'timeout'
   or ${row}.is_connected_to_vpn and ${row}.api_heartbeat_state <> 'online'
   or not ${row}.is_connected_to_vpn and ${row}.api_heartbeat_state = 'online' and (${vpnDisabled(row)}) is not true`

export const overallStatus = (row: string) => `case
  when not ${row}.is_active then 'inactive'
  when ${postProvisioning(row)} then 'post-provisioning'
  when ${neverSeen(row)} then 'configuring'
  when ${gone(row)} then 'disconnected'
  when ${heard(row)} and ${downloads(row)} then 'updating'
  when ${row}.provisioning_progress is not null then 'configuring'
  when ${heard(row)} and ${installDownloads(row)} then 'updating'
  when ${reduced(row)} then 'reduced-functionality'
  else 'operational' end`

/** Percent; of the download where it downloads, as the mean over what the target release needs. */
export const overallProgress = (row: string) => `case
  when not ${row}.is_active then null
  when ${postProvisioning(row)} or ${neverSeen(row)} then ${row}.provisioning_progress
  when ${gone(row)} then null
  when ${heard(row)} and ${downloads(row)} then ${row}.download_progress
  when ${row}.provisioning_progress is not null then ${row}.provisioning_progress
  when ${heard(row)} and ${installDownloads(row)} then (
    select round(avg(coalesce(i.download_progress, 100)))::integer from image_install i
    where i.device = ${row}.id and i.status <> 'deleted'
      and (i.status = 'Downloading' or i.is_provided_by__release = ${targetRelease(row)}))
  end`
