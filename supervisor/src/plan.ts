// The decision: from what is and what should be, the steps that can be taken now. Pure; a later round decides the rest.
//
// The default strategy, download-then-kill: nothing of a release is touched until all its images are on the device.
// Then each service goes its own way: stop the old, remove it, start the new, once what it depends on is ready.
import type { Current, CurrentContainer } from './observe.ts'
import {
  containersOf,
  isFinished,
  isUp,
  keepsUp,
  leaversOf,
  placesOf,
  strangersOf,
  type Place,
} from './placement.ts'
import type { Step } from './steps.ts'
import type { Wanted, WantedApp, WantedService } from './wanted.ts'

/** What the engine does not know. */
export interface Facts {
  /** Contents of images that are being fetched. */
  fetching: ReadonlySet<string>
  /** Contents of images that we have fetched once: only these are ours to remove. */
  fetched: ReadonlySet<string>
  /** App → release that it was last seen to run whole. */
  commits: Readonly<Record<string, string>>
}

export function plan(current: Current, wanted: Wanted, facts: Facts): Step[] {
  return [
    ...wanted.flatMap((app) => stepsOfApp(app, current, facts)),
    ...leaversOf(wanted, current).flatMap(end),
    ...unusedParts(wanted, current),
    ...unusedImages(wanted, current, facts),
  ]
}

function stepsOfApp(app: WantedApp, current: Current, facts: Facts): Step[] {
  const places = placesOf(app, current)
  const fetches = fetchesOf(places, facts)
  if (places.some(needsImage)) return [...fetches, ...places.flatMap((place) => revive(app, place))]
  const steps = [
    ...partsOf(app, current),
    ...places.flatMap((place) => stepsOfService(app, place, places, current)),
    ...strangersOf(app, current).flatMap(end),
  ]
  if (steps.length > 0) return steps
  return noteCommit(app, places, facts)
}

/** A service whose container runs needs no image, even where somebody took it away. */
function needsImage(place: Place): boolean {
  return place.service.running && place.fitting === undefined && !place.hasImage
}

function fetchesOf(places: Place[], { fetching }: Facts): Step[] {
  const steps = new Map<string, Step>()
  for (const { service } of places.filter(needsImage)) {
    if (fetching.has(service.content) || steps.has(service.content)) continue
    steps.set(service.content, { do: 'fetch', image: service.image, service: service.name })
  }
  return [...steps.values()]
}

/** Networks and volumes of the release: make what is missing, and make way for a network that is defined anew. */
function partsOf(app: WantedApp, current: Current): Step[] {
  const steps: Step[] = []
  for (const network of app.networks) {
    const found = current.networks.find((it) => it.name === network.name)
    if (found === undefined) steps.push({ do: 'create network', app: app.uuid, network: network.part })
    else if (isOutdated(found.digest, network.digest) && !isOccupied(network.name, current)) {
      steps.push({ do: 'remove network', name: network.name })
    }
  }
  for (const volume of app.volumes) {
    // Whatever its labels and options: data is never given up to make a definition match.
    if (!current.volumes.some((it) => it.name === volume.name)) {
      steps.push({ do: 'create volume', app: app.uuid, volume: volume.part })
    }
  }
  return steps
}

function stepsOfService(app: WantedApp, place: Place, places: Place[], current: Current): Step[] {
  const { service, fitting, others } = place
  if (fitting !== undefined) {
    return [...others.flatMap(end), ...keep(app, service, fitting, current)]
  }
  if (!service.running) return others.flatMap(end)
  // The old one goes on until there is all that its successor needs.
  if (!hasParts(app, service, current)) return []
  // Except where it holds up a network: those that it waits for may need the new one.
  const inTheWay = others.filter((container) => isOnOutdated(container, app, current))
  if (!isReady(service, places)) return inTheWay.flatMap(end)
  if (others.length > 0) return others.flatMap(end)
  if (!hasRightNetworks(app, service, current)) return []
  return [{ do: 'start', app: app.uuid, service: service.name, container: null }]
}

/** What the container that we want still lacks. */
function keep(app: WantedApp, service: WantedService, container: CurrentContainer, current: Current): Step[] {
  if (!service.running) {
    return isUp(container) ? [{ do: 'stop', container: container.id, service: service.name }] : []
  }
  if (container.name !== service.containerName) {
    const taken = current.containers.some((it) => it.name === service.containerName)
    const step = { container: container.id, service: service.name, name: service.containerName }
    return taken ? [] : [{ do: 'rename', ...step }]
  }
  return revive(app, { service, fitting: container })
}

/** One that should always run and does not, although the engine would have started it again: somebody stopped it. */
function revive(app: WantedApp, { service, fitting }: Pick<Place, 'service' | 'fitting'>): Step[] {
  if (fitting?.state !== 'exited' || !service.running || !keepsUp(service)) return []
  return [{ do: 'start', app: app.uuid, service: service.name, container: fitting.id }]
}

function end(container: CurrentContainer): Step[] {
  const { id, service, state } = container
  if (isUp(container)) return [{ do: 'stop', container: id, service }]
  // The engine is at it.
  if (state === 'removing') return []
  return [{ do: 'remove container', container: id, service }]
}

function isReady(service: WantedService, places: Place[]): boolean {
  return service.dependsOn.every(({ service: name, condition }) => {
    const dependency = places.find((place) => place.service.name === name)
    // Nobody can wait for what the release does not have.
    if (dependency === undefined) return true
    const container = dependency.fitting
    if (container === undefined) return false
    if (condition === 'service_healthy') return container.health === 'healthy'
    if (condition === 'service_completed_successfully') {
      return container.state === 'exited' && container.exitCode === 0
    }
    return isUp(container) || isFinished(container, dependency.service)
  })
}

function hasParts(app: WantedApp, service: WantedService, current: Current): boolean {
  const networks = app.networks.filter((it) => service.networks.includes(it.part))
  const volumes = app.volumes.filter((it) => service.volumes.includes(it.part))
  return (
    networks.every(({ name }) => current.networks.some((it) => it.name === name)) &&
    volumes.every(({ name }) => current.volumes.some((it) => it.name === name))
  )
}

function hasRightNetworks(app: WantedApp, service: WantedService, current: Current): boolean {
  return app.networks
    .filter((it) => service.networks.includes(it.part))
    .every(({ name, digest }) =>
      current.networks.some((it) => it.name === name && !isOutdated(it.digest, digest)),
    )
}

function isOnOutdated(container: CurrentContainer, app: WantedApp, current: Current): boolean {
  return app.networks.some(
    ({ name, digest }) =>
      name in container.networks &&
      current.networks.some((it) => it.name === name && isOutdated(it.digest, digest)),
  )
}

/** A network that we did not make has no digest, and is taken as it is. */
function isOutdated(found: string | null, wanted: string): boolean {
  return found !== null && found !== wanted
}

function isOccupied(network: string, current: Current): boolean {
  return current.containers.some((container) => network in container.networks)
}

function noteCommit(app: WantedApp, places: Place[], { commits }: Facts): Step[] {
  const { uuid, commit } = app
  if (commit === null || commits[uuid] === commit || !places.every(isSettled)) return []
  return [{ do: 'note commit', app: uuid, commit }]
}

/** The service is where the target wants it. */
export function isSettled({ service, fitting, others }: Place): boolean {
  if (others.length > 0) return false
  if (!service.running) return fitting === undefined || !isUp(fitting)
  if (fitting === undefined || fitting.name !== service.containerName) return false
  return isUp(fitting) || isFinished(fitting, service)
}

/** Networks that no release names, and volumes of apps that have left the target. */
function unusedParts(wanted: Wanted, current: Current): Step[] {
  const steps: Step[] = []
  const networks = new Set(wanted.flatMap((app) => app.networks.map((network) => network.name)))
  for (const { name, app } of current.networks) {
    if (app !== null && !networks.has(name) && !isOccupied(name, current)) {
      steps.push({ do: 'remove network', name })
    }
  }
  const apps = new Set(wanted.map((app) => app.uuid))
  for (const { name, app } of current.volumes) {
    if (app !== null && !apps.has(app) && containersOf(current, app).length === 0) {
      steps.push({ do: 'remove volume', name })
    }
  }
  return steps
}

/** Images that we fetched, and that neither the target nor a container needs. */
function unusedImages(wanted: Wanted, current: Current, { fetched, fetching }: Facts): Step[] {
  const needed = new Set(wanted.flatMap((app) => app.services.map((service) => service.content)))
  const inUse = new Set(current.containers.map((container) => container.imageKey))
  const steps: Step[] = []
  for (const { key, references, contents } of current.images) {
    if (inUse.has(key) || contents.some((content) => needed.has(content) || fetching.has(content))) continue
    references.forEach((reference, index) => {
      if (fetched.has(contents[index] ?? '')) steps.push({ do: 'remove image', reference })
    })
  }
  return steps
}
