// What the engine has now, of what is ours. Looked at anew in every round: nothing is remembered from past steps.
import {
  inspectContainer,
  listContainers,
  type ContainerDetails,
  type ContainerState,
  type ContainerSummary,
} from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { isMissing } from '@copal/engine/errors.ts'
import { listImages } from '@copal/engine/images.ts'
import { listNetworks } from '@copal/engine/networks.ts'
import { listVolumes } from '@copal/engine/volumes.ts'
import { label } from './labels.ts'
import { contentOf } from './references.ts'

export interface CurrentContainer {
  id: string
  /** Without the slash. */
  name: string
  app: string
  service: string
  serviceId: number
  state: ContainerState
  /** Digest of the wanted configuration that it was made from. */
  digest: string
  /** Location of its image at the making, and the release it was made for. */
  image: string
  madeFor: string
  /** Release that it belongs to now, as its name says. */
  commit: string
  /** The engine's id of its image. */
  imageKey: string
  networkMode: string
  /** Networks it is on: name → id (empty until it first started). */
  networks: Readonly<Record<string, string>>
  exitCode: number
  restarts: number
  /** Epoch ms; 0 when it never started. */
  startedAt: number
  health: 'none' | 'starting' | 'healthy' | 'unhealthy'
  /** What of its output is sent to the platform, as the app says with `BALENA_LOGS_LEVEL`. */
  logs: 'all' | 'errors' | 'none'
}

export interface CurrentImage {
  key: string
  references: readonly string[]
  contents: readonly string[]
}

export interface CurrentNetwork {
  id: string
  name: string
  /** Uuid of the app; null for one that is not ours. */
  app: string | null
  digest: string | null
}

export interface CurrentVolume {
  name: string
  app: string | null
}

export interface Current {
  containers: readonly CurrentContainer[]
  images: readonly CurrentImage[]
  /** All of the engine, for their names: only those with an app are ours. */
  networks: readonly CurrentNetwork[]
  volumes: readonly CurrentVolume[]
}

/** @param namespace see `settings.ts` */
export async function observe(engine: Engine, namespace: string): Promise<Current> {
  const [containers, images, networks, volumes] = await Promise.all([
    observeContainers(engine, namespace),
    listImages(engine),
    listNetworks(engine),
    listVolumes(engine),
  ])
  const appOf = (labels: Record<string, string> | null) =>
    isOurs(labels, namespace) ? (labels?.[label.appUuid] ?? null) : null
  return {
    containers,
    images: images.map(({ Id, RepoTags, RepoDigests }) => {
      const references = [...(RepoDigests ?? []), ...(RepoTags ?? [])].filter(
        (name) => !name.includes('<none>'),
      )
      return { key: Id, references, contents: references.map(contentOf) }
    }),
    networks: networks.map(({ Id, Name, Labels }) => ({
      id: Id,
      name: Name,
      app: appOf(Labels),
      digest: Labels?.[label.config] ?? null,
    })),
    volumes: volumes.map(({ Name, Labels }) => ({ name: Name, app: appOf(Labels) })),
  }
}

/** Labels that all of ours have. */
export function ourLabels(namespace: string): Record<string, string> {
  return { [label.supervised]: 'true', ...(namespace === '' ? {} : { [label.namespace]: namespace }) }
}

/** The engine's filter for what is ours. */
export function ourFilter(namespace: string): { label: string[] } {
  const only = namespace === '' ? [] : [`${label.namespace}=${namespace}`]
  return { label: [label.supervised, ...only] }
}

function isOurs(labels: Record<string, string> | null, namespace: string): boolean {
  if (labels?.[label.supervised] === undefined) return false
  return namespace === '' || labels[label.namespace] === namespace
}

async function observeContainers(engine: Engine, namespace: string): Promise<CurrentContainer[]> {
  const list = await listContainers(engine, { all: true, filters: ourFilter(namespace) })
  const found = await Promise.all(
    list.map(async (summary) => {
      try {
        return read(summary, await inspectContainer(engine, summary.Id))
      } catch (error) {
        // Gone between the two looks.
        if (isMissing(error)) return undefined
        throw error
      }
    }),
  )
  return found.filter((container) => container !== undefined)
}

function read({ ImageID }: ContainerSummary, details: ContainerDetails): CurrentContainer {
  const { State, NetworkSettings, HostConfig } = details
  const labels = details.Config.Labels
  const name = details.Name.replace(/^\//, '')
  const networks = Object.entries(NetworkSettings.Networks)
  const started = Date.parse(State.StartedAt)
  return {
    id: details.Id,
    name,
    app: labels[label.appUuid] ?? '',
    service: labels[label.serviceName] ?? '',
    serviceId: Number(labels[label.serviceId] ?? 0),
    state: State.Status,
    digest: labels[label.config] ?? '',
    image: labels[label.image] ?? '',
    madeFor: labels[label.commit] ?? '',
    commit: /_([^_]+)$/.exec(name)?.[1] ?? '',
    imageKey: ImageID,
    networkMode: HostConfig.NetworkMode ?? '',
    networks: Object.fromEntries(networks.map(([network, { NetworkID }]) => [network, NetworkID])),
    exitCode: State.ExitCode,
    restarts: details.RestartCount,
    startedAt: started > 0 ? started : 0,
    health: State.Health?.Status ?? 'none',
    logs: logsOf(details.Config.Env ?? []),
  }
}

function logsOf(environment: string[]): CurrentContainer['logs'] {
  const prefix = 'BALENA_LOGS_LEVEL='
  const level = environment.find((line) => line.startsWith(prefix))?.slice(prefix.length)
  if (level === 'none') return 'none'
  return level === 'err' || level === 'error' ? 'errors' : 'all'
}
