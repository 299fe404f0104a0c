// What the device says of its apps, made from what is there. Pure.
import type { DeviceReport, ReportedApp, ReportedService } from '@copal/wire/state-report.ts'
import type { Running } from './memory.ts'
import type { Current, CurrentContainer } from './observe.ts'
import { isSettled } from './plan.ts'
import { containersOf, placesOf, type Place } from './placement.ts'
import type { Wanted, WantedApp } from './wanted.ts'

export interface Doings {
  /** Per cent of a fetch under way. */
  progressOf(content: string): number | undefined
  /** What is being done to a service right now, such as `Starting`; keyed by app and service. */
  doing: ReadonlyMap<string, string>
  running: Readonly<Record<string, Running>>
  now: number
}

/**
 * A container that the engine had to start again counts as running once it stayed up so long, in ms: as long as the
 * engine itself waits before it believes in a container again.
 */
export const steadyAfter = 10_000

type Apps = NonNullable<DeviceReport['apps']>

export function describe(
  current: Current,
  wanted: Wanted,
  doings: Doings,
): Pick<DeviceReport, 'status' | 'apps'> {
  const apps: Apps = {}
  let settled = true
  for (const app of wanted) {
    const places = placesOf(app, current)
    if (!places.every(isSettled)) settled = false
    apps[app.uuid] = describeApp(app, places, current, doings)
  }
  return { status: settled ? 'Idle' : 'Updating', apps }
}

function describeApp(app: WantedApp, places: Place[], current: Current, doings: Doings): ReportedApp {
  const running = doings.running[app.uuid]
  const releases: ReportedApp['releases'] = {}
  for (const container of containersOf(current, app.uuid)) {
    const image = imageOf(container, running)
    // Of the release that we are going to, the places tell.
    if (container.commit === app.commit || image === undefined) continue
    const release = (releases[container.commit] ??= { update_status: 'done', services: {} })
    release.services[container.service] = { image, status: statusOf(container, doings) }
  }
  if (app.commit !== null) {
    releases[app.commit] = {
      update_status: updateStatus(places, running?.commit === app.commit),
      services: Object.fromEntries(
        places.map((place) => [place.service.name, describePlace(app, place, doings)]),
      ),
    }
  }
  return { ...(running === undefined ? {} : { release_uuid: running.commit }), releases }
}

function describePlace(app: WantedApp, place: Place, doings: Doings): ReportedService {
  const { service, fitting, hasImage } = place
  const { image } = service
  const doing = doings.doing.get(`${app.uuid}/${service.name}`)
  if (fitting !== undefined)
    return { image, status: doing ?? statusOf(fitting, doings), download_progress: null }
  const download_progress = doings.progressOf(service.content)
  if (download_progress !== undefined) return { image, status: 'Downloading', download_progress }
  if (hasImage) return { image, status: doing ?? 'Downloaded', download_progress: null }
  return { image, status: service.running ? 'Downloading' : 'Stopped', download_progress: null }
}

/** The lowest that is still to be done. */
function updateStatus(
  places: Place[],
  noted: boolean,
): NonNullable<ReportedApp['releases'][string]['update_status']> {
  if (places.every(isSettled)) return noted ? 'done' : 'applying changes'
  const missing = places.some((it) => it.service.running && it.fitting === undefined && !it.hasImage)
  return missing ? 'downloading' : 'applying changes'
}

function statusOf(container: CurrentContainer, { now }: Doings): string {
  switch (container.state) {
    case 'running':
      return isSteady(container, now) ? 'Running' : 'restarting'
    case 'created':
      return 'Installed'
    case 'dead':
      return 'Dead'
    default:
      return container.state
  }
}

/** A first start is believed at once; after a crash it takes a while. */
export function isSteady(container: CurrentContainer, now: number): boolean {
  return container.restarts === 0 || now - container.startedAt >= steadyAfter
}

/** Location of a container's image, where we are sure that it belongs to the release in its name. */
function imageOf(container: CurrentContainer, running: Running | undefined): string | undefined {
  if (container.madeFor === container.commit) return container.image
  return running?.commit === container.commit ? running.services[container.service] : undefined
}
