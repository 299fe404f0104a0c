// Which containers of the engine stand for which wanted services. Both the plan and the report begin here.
import type { Current, CurrentContainer } from './observe.ts'
import type { Wanted, WantedApp, WantedService } from './wanted.ts'

export interface Place {
  service: WantedService
  /** The container that is what the target wants, if there is one. */
  fitting: CurrentContainer | undefined
  /** Others of this service: from another release, half made, or one too many. */
  others: readonly CurrentContainer[]
  /** Whether the engine has the image. */
  hasImage: boolean
}

export function placesOf(app: WantedApp, current: Current): Place[] {
  const places: Place[] = []
  const placeOf = (name: string) => places.find((place) => place.service.name === name)
  // Services that share the network of another are placed after it: they depend on which container that is.
  for (const service of app.services.toSorted((a, b) => shares(a) - shares(b))) {
    const candidates = containersOf(current, app.uuid).filter((it) => it.service === service.name)
    const fitting = candidates
      .filter((it) => fits(it, app, service, current, placeOf))
      .toSorted((a, b) => Number(isUp(b)) - Number(isUp(a)) || b.startedAt - a.startedAt)[0]
    places.push({
      service,
      fitting,
      others: candidates.filter((it) => it !== fitting),
      hasImage: current.images.some((image) => image.contents.includes(service.content)),
    })
  }
  return places
}

export function containersOf(current: Current, app: string): CurrentContainer[] {
  return current.containers.filter((container) => container.app === app)
}

function shares(service: WantedService): number {
  return Number(service.networkMode?.startsWith('service:') ?? false)
}

/** Containers of services that the target no longer names. */
export function strangersOf(app: WantedApp, current: Current): CurrentContainer[] {
  const names = new Set(app.services.map((service) => service.name))
  return containersOf(current, app.uuid).filter((container) => !names.has(container.service))
}

/** Containers of apps that have left the target. */
export function leaversOf(wanted: Wanted, current: Current): CurrentContainer[] {
  const uuids = new Set(wanted.map((app) => app.uuid))
  return current.containers.filter((container) => !uuids.has(container.app))
}

/** Runs, or is being started again by the engine. */
export function isUp(container: CurrentContainer): boolean {
  return container.state === 'running' || container.state === 'restarting' || container.state === 'paused'
}

/** Exited, and nothing but a new release will start it again: a service that does its work once. */
export function isFinished(container: CurrentContainer, service: WantedService): boolean {
  return container.state === 'exited' && !keepsUp(service)
}

/** Whether its restart policy says that it should always run. */
export function keepsUp({ restart }: WantedService): boolean {
  return restart.name === 'always' || restart.name === 'unless-stopped'
}

function fits(
  container: CurrentContainer,
  app: WantedApp,
  service: WantedService,
  current: Current,
  placeOf: (name: string) => Place | undefined,
): boolean {
  if (container.digest !== service.digest) return false
  // One that never started may lack networks: we may have died while making it.
  if (container.state === 'created' || container.state === 'removing' || container.state === 'dead')
    return false
  if (service.networkMode?.startsWith('service:')) {
    const host = placeOf(service.networkMode.slice('service:'.length))?.fitting
    if (host === undefined || container.networkMode !== `container:${host.id}`) return false
  }
  // A network that was removed under it, or made again, is not the one that it is on.
  return app.networks
    .filter((network) => service.networks.includes(network.part))
    .every((network) => {
      const id = container.networks[network.name]
      const now = current.networks.find((it) => it.name === network.name)
      return id === undefined ? false : id === '' || id === now?.id
    })
}
