// What should run, made out of the target state: one entry for each app that is ours to look after.
import { createHash } from 'node:crypto'
import type { TargetApp, TargetDevice, TargetService } from '@copal/wire/target-state.ts'
import { modernLabels } from './labels.ts'
import { contentOf } from './references.ts'

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

export interface WantedService {
  name: string
  id: number
  imageId: number
  /** Reference as the target names it. */
  image: string
  /** What the image is, whatever it is called (`references.ts`). */
  content: string
  running: boolean
  containerName: string
  /** Of all in the target that makes this container what it is; another digest means another container. */
  digest: string
  composition: Readonly<Record<string, unknown>>
  /** The composition's, then the target's; names modern. */
  labels: Readonly<Record<string, string>>
  environment: Readonly<Record<string, string>>
  dependsOn: readonly { service: string; condition: Condition }[]
  /** `host`, `none`, `service:<name>`…; null when it is on networks of its release. */
  networkMode: string | null
  /** Networks of the release, by their names there. */
  networks: readonly string[]
  volumes: readonly string[]
  restart: RestartPolicy
}

export interface RestartPolicy {
  name: 'no' | 'always' | 'unless-stopped' | 'on-failure'
  retries: number
}

export interface WantedPart {
  /** Its name in the release. */
  part: string
  /** Its name on the engine. */
  name: string
  definition: Readonly<Record<string, unknown>>
  digest: string
}

export interface WantedApp {
  id: number
  uuid: string
  name: string
  /** Null when the app has no release to run. */
  commit: string | null
  services: readonly WantedService[]
  networks: readonly WantedPart[]
  volumes: readonly WantedPart[]
}

export type Wanted = readonly WantedApp[]

/** Apps of which we are an instance: an updater outside of us takes care of those. */
const supervisorApps = new Set([
  '52e35121417640b1b28a680504e4039b',
  '900de4f3cbac4b9bbd232885a35e407b',
  '2e66a95795c149959c69472a8c2f92b8',
  '531b357e155c480cbec0fdd33041a1f5',
  '6822565f766e413e96d9bebe2227cdcc',
])

export function wantedOf(device: TargetDevice): Wanted {
  return Object.entries(device.apps)
    .filter(([uuid, app]) => !app.is_host && !isSupervisor(uuid, app))
    .map(([uuid, app]) => wantedApp(uuid, app))
}

function isSupervisor(uuid: string, app: TargetApp): boolean {
  return supervisorApps.has(uuid) || (app.class === 'app' && app.name.endsWith('-supervisor'))
}

function wantedApp(uuid: string, app: TargetApp): WantedApp {
  // The wire allows several releases; devices follow the first.
  const [first] = Object.entries(app.releases)
  const none = { id: app.id, uuid, name: app.name, commit: null, services: [], networks: [], volumes: [] }
  if (first === undefined) return none
  const [commit, release] = first

  const definitions = new Map(Object.entries(release.networks).map(([name, how]) => [name, how ?? {}]))
  const volumes = new Map(Object.entries(release.volumes).map(([name, how]) => [name, how ?? {}]))
  const services: WantedService[] = []
  for (const [name, service] of Object.entries(release.services)) {
    const networks = networksOf(service)
    for (const network of networks) if (!definitions.has(network)) definitions.set(network, {})
    for (const volume of volumesOf(service)) if (!volumes.has(volume)) volumes.set(volume, {})
    services.push(
      wantedService(name, service, {
        containerName: `${name}_${service.image_id}_${release.id}_${commit}`,
        networks: new Map(networks.map((network) => [network, definitions.get(network) ?? {}])),
      }),
    )
  }
  return {
    ...none,
    commit,
    services,
    networks: partsOf(definitions, (part) => `${uuid}_${part}`),
    volumes: partsOf(volumes, (part) => `${app.id}_${part}`),
  }
}

function partsOf(
  definitions: ReadonlyMap<string, Record<string, unknown>>,
  nameOf: (part: string) => string,
): WantedPart[] {
  return [...definitions].map(([part, definition]) => ({
    part,
    name: nameOf(part),
    definition,
    digest: digestOf(definition),
  }))
}

function wantedService(
  name: string,
  service: TargetService,
  place: { containerName: string; networks: Map<string, Record<string, unknown>> },
): WantedService {
  const { composition } = service
  const content = contentOf(service.image)
  const networkMode = text(composition['network_mode']) || null
  const labels = { ...modernLabels(textMap(composition['labels'])), ...modernLabels(service.labels) }
  const environment = { ...textMap(composition['environment']), ...service.environment }
  const {
    // What orders the start, or is said elsewhere, does not make another container.
    depends_on: _dependsOn,
    'x-copal': ours,
    build: _build,
    image: _image,
    running: _running,
    labels: _labels,
    environment: _environment,
    ...rest
  } = composition
  const shape = {
    id: service.id,
    content,
    labels,
    environment: withoutName(environment),
    rest,
    gpus: isRecord(ours) ? ours['gpus'] : undefined,
    networks: Object.fromEntries(place.networks),
  }
  return {
    name,
    id: service.id,
    imageId: service.image_id,
    image: service.image,
    content,
    running: service.running && composition['running'] !== false,
    containerName: place.containerName,
    digest: digestOf(shape),
    composition,
    labels,
    environment,
    dependsOn: dependenciesOf(composition, networkMode),
    networkMode,
    networks: [...place.networks.keys()],
    volumes: volumesOf(service),
    restart: restartOf(composition['restart']),
  }
}

/** A device that gets another name goes on with the containers that it has. */
function withoutName(environment: Record<string, string>): Record<string, string> {
  const { BALENA_DEVICE_NAME_AT_INIT: _balena, RESIN_DEVICE_NAME_AT_INIT: _resin, ...rest } = environment
  return rest
}

function networksOf({ composition }: TargetService): string[] {
  if (text(composition['network_mode'])) return []
  const { networks } = composition
  const names = Array.isArray(networks)
    ? networks.map(String)
    : Object.keys(isRecord(networks) ? networks : {})
  return names.length === 0 ? ['default'] : names
}

/** Named volumes: `name:/path[:mode]`, or the long form of type volume. */
export function volumesOf({ composition }: { composition: Readonly<Record<string, unknown>> }): string[] {
  const names = new Set<string>()
  for (const mount of mountsOf(composition['volumes'])) if (mount.source !== null) names.add(mount.source)
  return [...names]
}

export interface VolumeMount {
  /** Null for an anonymous volume. */
  source: string | null
  target: string
  mode: string
}

/** Mounts of volumes. Folders of the host are left out: devices do not give them (supervisor, "Compose fields honoured"). */
export function mountsOf(volumes: unknown): VolumeMount[] {
  const result: VolumeMount[] = []
  for (const entry of Array.isArray(volumes) ? (volumes as unknown[]) : []) {
    if (typeof entry === 'string') {
      const [source = '', target, mode = ''] = entry.split(':')
      if (target === undefined) result.push({ source: null, target: source, mode })
      else if (!/^[/.~]/.test(source)) result.push({ source, target, mode })
    } else if (isRecord(entry) && (entry['type'] ?? 'volume') === 'volume') {
      const source = text(entry['source'])
      const mode = entry['read_only'] === true ? 'ro' : ''
      result.push({ source: source === '' ? null : source, target: text(entry['target']), mode })
    }
  }
  return result
}

/** The plain list that every supervisor knows, and the finer conditions beside it that are only ours. */
function dependenciesOf(
  composition: Readonly<Record<string, unknown>>,
  networkMode: string | null,
): { service: string; condition: Condition }[] {
  const found = new Map<string, Condition>()
  if (networkMode?.startsWith('service:')) found.set(networkMode.slice('service:'.length), 'service_started')
  const listed = composition['depends_on']
  for (const name of Array.isArray(listed)
    ? listed.map(String)
    : Object.keys(isRecord(listed) ? listed : {})) {
    found.set(name, 'service_started')
  }
  const ours = composition['x-copal']
  const finer = isRecord(ours) ? ours['depends_on'] : undefined
  for (const [name, how] of Object.entries(isRecord(finer) ? finer : {})) {
    const condition = isRecord(how) ? how['condition'] : how
    if (condition === 'service_healthy' || condition === 'service_completed_successfully') {
      found.set(name, condition)
    }
  }
  return [...found].map(([service, condition]) => ({ service, condition }))
}

function restartOf(value: unknown): RestartPolicy {
  const [name, retries] = text(value).split(':')
  if (name === 'no' || name === 'unless-stopped') return { name, retries: 0 }
  if (name === 'on-failure') return { name, retries: Number(retries) || 0 }
  return { name: 'always', retries: 0 }
}

/** 32 hex digits over a value, whatever the order of its keys. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 32)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null'
  const entries = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
  return `{${entries.join(',')}}`
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** A map of texts, also written as a list of `NAME=value`; what has no value is empty. */
export function textMap(value: unknown): Record<string, string> {
  const result: Record<string, string> = {}
  if (Array.isArray(value)) {
    for (const line of value.map(String)) {
      const equals = line.indexOf('=')
      if (equals === -1) result[line] = ''
      else result[line.slice(0, equals)] = line.slice(equals + 1)
    }
  } else if (isRecord(value)) {
    for (const [name, entry] of Object.entries(value)) result[name] = entry === null ? '' : String(entry)
  }
  return result
}
