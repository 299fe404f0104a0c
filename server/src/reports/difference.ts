// What a report changes, decided from the rows alone.
import { updateStatuses, type DeviceReport } from '@copal/wire/state-report.ts'
import { unauthorized } from '../problems.ts'
import { metrics, stateFields, text, type Metrics, type StateFields } from './fields.ts'
import type { Install, Known, Mentioned } from './queries.ts'

/** Columns of `device` beside those that the device names itself. */
interface Derived {
  public_address: string | null
  is_running__release: number | null
  should_be_managed_by__release: number | null
  update_status: string | null
}

export interface Difference {
  /** The whole new state of these columns, or undefined when none changed. */
  device: (StateFields & Derived & { update_status_changed: boolean }) | undefined
  metrics: Metrics | undefined
  installs: Install[]
}

const installStatuses = new Set(
  'Downloading,Downloaded,Installing,Installed,Starting,Running,Idle,Handing over,Awaiting handover,Stopping,Stopped,exited,Deleting,deleted,Dead,paused,restarting,removing,configuring,Unknown'.split(
    ',',
  ),
)

/** What must be looked up before the report can be judged. */
export function mentionedIn(report: DeviceReport): Mentioned {
  const releases = new Set<string>()
  const locations = new Set<string>()
  for (const [app, { release_uuid, releases: reported }] of Object.entries(report.apps ?? {})) {
    if (release_uuid) releases.add(`${app}/${release_uuid}`)
    for (const [commit, { services }] of Object.entries(reported)) {
      releases.add(`${app}/${commit}`)
      for (const { image } of Object.values(services)) locations.add(reference(image).location)
    }
  }
  const { supervisor_version } = report
  const ours = Number.parseInt(supervisor_version ?? '', 10) >= 20
  return {
    releases: [...releases],
    locations: [...locations],
    supervisor: ours ? text(supervisor_version, 20)! : null,
    installs: report.apps !== undefined,
  }
}

/** Compares a report with what is known. An image that belongs to no release of the report's is answered 401, as ever. */
export function differenceOf(known: Known, report: DeviceReport, address: string | undefined): Difference {
  const now = { ...pick(known, stateColumns), ...pick(known, derivedColumns) }
  const next = {
    ...now,
    ...stateFields(report),
    ...(address && { public_address: address }),
    ...derived(known, report),
  }
  const changed = [...stateColumns, ...derivedColumns].some((name) => now[name] !== next[name])
  return {
    device: changed
      ? { ...next, update_status_changed: next.update_status !== now.update_status }
      : undefined,
    metrics: changedMetrics(known.metrics, metrics(report)),
    installs: report.apps ? changedInstalls(known, report.apps) : [],
  }
}

function derived(known: Known, report: DeviceReport): Partial<Derived> {
  const apps = report.apps ?? {}
  const fleet = known.application_uuid ? apps[known.application_uuid] : undefined
  const running =
    fleet?.release_uuid &&
    known.releases?.find(({ app, commit }) => app === known.application_uuid && commit === fleet.release_uuid)
  const statuses = Object.values(apps).flatMap((app) =>
    Object.values(app.releases).flatMap(({ update_status }) => update_status ?? []),
  )
  const status = updateStatuses.find((one) => statuses.includes(one))
  return {
    ...(running && { is_running__release: running.id }),
    ...(status && { update_status: status }),
    ...(known.supervisor_release && { should_be_managed_by__release: known.supervisor_release }),
  }
}

function changedMetrics(now: Metrics | null, reported: Partial<Metrics>): Metrics | undefined {
  const next = { ...emptyMetrics, ...(now && pick(now, metricColumns)), ...reported }
  const changed = metricColumns.some((name) => (now?.[name] ?? null) !== next[name])
  return changed ? next : undefined
}

function changedInstalls(known: Known, apps: NonNullable<DeviceReport['apps']>): Install[] {
  const before = new Map((known.installs ?? []).map((install) => [install.image, install]))
  const wanted = new Map<number, Install>()
  for (const [app, { releases }] of Object.entries(apps))
    for (const [commit, { services }] of Object.entries(releases))
      for (const { image, status, download_progress } of Object.values(services)) {
        const found = imageOf(known, app, commit, image)
        if (found === 'deleted') continue
        if (!found)
          throw unauthorized(
            `cannot take the report: image ${image.slice(0, 200)} belongs to no release ${commit.slice(0, 40)} that this device may run`,
          )
        wanted.set(found.id, {
          image: found.id,
          release: found.release,
          status:
            status && installStatuses.has(status) ? status : (before.get(found.id)?.status ?? 'Unknown'),
          download_progress:
            typeof download_progress === 'number'
              ? Math.round(Math.min(100, Math.max(0, download_progress)))
              : null,
        })
      }
  for (const install of before.values())
    if (!wanted.has(install.image))
      wanted.set(install.image, { ...install, status: 'deleted', download_progress: null })
  return [...wanted.values()].filter((next) => {
    const now = before.get(next.image)
    return (
      now?.status !== next.status ||
      now.download_progress !== next.download_progress ||
      now.release !== next.release
    )
  })
}

/** The stored image, `deleted` when its release is gone but was real, undefined when it never was. */
function imageOf(known: Known, app: string, commit: string, image: string) {
  const { location, digest } = reference(image)
  const releases = (known.releases ?? []).filter((one) => one.app === app && one.commit === commit)
  const found = known.images?.find(
    (one) =>
      one.location === location &&
      (!digest || !one.content_hash || one.content_hash === digest) &&
      releases.some(({ id }) => id === one.release),
  )
  if (found) return found
  const gone = known.deleted?.some(
    (one) => one.app === app && one.commit === commit && one.location === location,
  )
  return gone ? 'deleted' : undefined
}

/** The platform's address may change, so the host counts for nothing: `…/v2/<hash>@sha256:…`. */
function reference(image: string): { location: string; digest: string | undefined } {
  const [, location = image, digest] =
    /(?:^|\/)(v2\/[0-9a-f]{32})(?::[\w.-]+)?(?:@(sha256:[0-9a-f]{64}))?$/.exec(image) ?? []
  return { location, digest }
}

const stateColumns = [
  'status',
  'os_version',
  'os_variant',
  'supervisor_version',
  'provisioning_progress',
  'provisioning_state',
  'ip_address',
  'mac_address',
  'api_port',
  'api_secret',
  'cpu_id',
  'is_undervolted',
] as const satisfies (keyof StateFields)[]

const derivedColumns = [
  'public_address',
  'is_running__release',
  'should_be_managed_by__release',
  'update_status',
] as const satisfies (keyof Derived)[]

const metricColumns = [
  'memory_usage',
  'memory_total',
  'storage_usage',
  'storage_total',
  'storage_block_device',
  'cpu_usage',
  'cpu_temp',
] as const satisfies (keyof Metrics)[]

const emptyMetrics = Object.fromEntries(metricColumns.map((name) => [name, null])) as unknown as Metrics

const pick = <T, K extends keyof T>(from: T, names: readonly K[]) =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>
