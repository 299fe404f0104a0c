// Short ways to say what is there and what is wanted, for tests of pure decisions.
import type { TargetDevice } from '@copal/wire/target-state.ts'
import type { Current, CurrentContainer } from '../observe.ts'
import type { Facts } from '../plan.ts'
import { wantedOf, type Wanted, type WantedApp } from '../wanted.ts'

export const app = 'b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0'

export interface SceneService {
  image?: string
  composition?: Record<string, unknown>
  environment?: Record<string, string>
  labels?: Record<string, string>
  running?: boolean
}

/** A release of one app; images are called after what is given, digests and all. */
export function wanted(
  commit: string,
  services: Record<string, SceneService>,
  parts: { networks?: Record<string, Record<string, unknown>>; volumes?: Record<string, null> } = {},
): Wanted {
  const entries = Object.entries(services).map(([name, service], index) => {
    const { image = `${name}1`, composition = {}, environment = {}, labels = {}, running = true } = service
    const target = {
      id: 40 + index,
      image_id: 60,
      image: imageOf(image),
      running,
      environment,
      labels,
      composition,
    }
    return [name, target] as const
  })
  const release = { id: 30, services: Object.fromEntries(entries), networks: {}, volumes: {}, ...parts }
  return wantedOf(
    device({
      [app]: { id: 10, name: 'fleet', is_host: false, class: 'fleet', releases: { [commit]: release } },
    }),
  )
}

export function device(apps: TargetDevice['apps']): TargetDevice {
  return { name: 'device', config: {}, apps }
}

export function imageOf(name: string): string {
  return `registry.example/v2/${name}@sha256:${name}`
}

/** What the engine has once a target is reached, all running; change it to tell another story. */
export function reached(target: Wanted, changes: Record<string, Partial<CurrentContainer>> = {}): Current {
  const containers = target.flatMap((one) =>
    one.services.map((service) => container(one, service.name, changes[service.name])),
  )
  return {
    containers,
    images: images(
      ...target.flatMap((one) => one.services.map((service) => service.content.replace('sha256:', ''))),
    ),
    networks: target.flatMap((one) =>
      one.networks.map(({ name, digest }) => ({ id: `id of ${name}`, name, app: one.uuid, digest })),
    ),
    volumes: target.flatMap((one) => one.volumes.map(({ name }) => ({ name, app: one.uuid }))),
  }
}

export function container(
  one: WantedApp,
  name: string,
  changes: Partial<CurrentContainer> = {},
): CurrentContainer {
  const service = one.services.find((it) => it.name === name)
  if (service === undefined) throw new Error(`no service ${name}`)
  const networks = one.networks.filter((network) => service.networks.includes(network.part))
  return {
    id: `${name} of ${one.commit}`,
    name: service.containerName,
    app: one.uuid,
    service: name,
    serviceId: service.id,
    state: 'running',
    digest: service.digest,
    image: service.image.replace('registry.example/', ''),
    madeFor: one.commit ?? '',
    commit: one.commit ?? '',
    imageKey: `key of ${service.content.replace('sha256:', '')}`,
    networkMode: '',
    networks: Object.fromEntries(networks.map((network) => [network.name, `id of ${network.name}`])),
    exitCode: 0,
    restarts: 0,
    startedAt: 1000,
    health: 'none',
    logs: 'all',
    ...changes,
  }
}

export function images(...names: string[]): Current['images'] {
  return [...new Set(names)].map((name) => ({
    key: `key of ${name}`,
    references: [imageOf(name)],
    contents: [`sha256:${name}`],
  }))
}

export const nothing: Current = { containers: [], images: [], networks: [], volumes: [] }

export function facts(changes: { fetching?: string[]; fetched?: string[]; commit?: string } = {}): Facts {
  const { fetching = [], fetched = [], commit } = changes
  return {
    fetching: new Set(fetching.map((name) => `sha256:${name}`)),
    fetched: new Set(fetched.map((name) => `sha256:${name}`)),
    commits: commit === undefined ? {} : { [app]: commit },
  }
}
