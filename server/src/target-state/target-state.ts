// What a device should run, from rows to document: no database, no clock, no HTTP.
// The same rows give the same text, byte by byte, so that its hash can be the ETag.
import { createHash } from 'node:crypto'
import type { TargetApp, TargetDevice, TargetRelease, TargetService } from '@copal/wire/target-state.ts'
import { byName, configForDevice, readConfig, type Variables } from './config-variables.ts'

export interface DeviceRow {
  id: number
  uuid: string
  name: string
  supervisor_version: string | null
  is_frozen: boolean
  config: Variables | null
  environment: Variables | null
  service_environment: { service: number; name: string; value: string }[] | null
}

export interface AppRow {
  id: number
  uuid: string
  name: string
  is_host: boolean
  class: 'fleet' | 'app' | 'block'
}

/** What all devices of a fleet on one release share. */
export interface Fragment {
  config: Variables | null
  environment: Variables | null
  release: {
    id: number
    commit: string
    composition: Composition | null
    services: ServiceRow[] | null
  } | null
}

export interface ServiceRow {
  id: number
  name: string
  image_id: number
  location: string
  content_hash: string | null
  contract: Record<string, unknown> | null
  image_labels: Variables | null
  service_labels: Variables | null
  image_environment: Variables | null
  service_environment: Variables | null
}

interface Composition {
  services?: Record<string, Record<string, unknown> | null> | null
  networks?: Record<string, Record<string, unknown> | null> | null
  volumes?: Record<string, Record<string, unknown> | null> | null
}

export interface App {
  row: AppRow
  fragment: Fragment
}

/** The device's own fleet, and what else it runs by (supervisor, host OS). */
export interface DeviceTarget {
  device: DeviceRow
  fleet: App | undefined
  others: App[]
}

/** `registry`: the host by which this device reaches the registry. */
export function targetOfDevice({ device, fleet, others }: DeviceTarget, registry: string): TargetDevice {
  const winners = readConfig(fleet?.fragment.config ?? {}, device.config ?? {})
  const about = { registry, defaults: strategyLabels(winners), ours: runsOurSupervisor(device) }
  const apps = others.map((app) => [app.row.uuid, targetOfApp(app, { ...about, defaults: {} })] as const)
  if (fleet) apps.push([fleet.row.uuid, targetOfApp(fleet, about, device)])
  return {
    name: device.name,
    config: configForDevice(winners),
    apps: sorted(Object.fromEntries(apps)),
  }
}

/** The same for a device that does not exist yet: what is preloaded into an image. */
export function targetOfFleet({ row, fragment }: App, registry: string): TargetDevice {
  const winners = readConfig(fragment.config ?? {}, {})
  const app = targetOfApp({ row, fragment }, { registry, defaults: strategyLabels(winners), ours: false })
  return { name: row.name, apps: { [row.uuid]: app }, config: configForDevice(winners) }
}

/** Weakly or strongly named by clients, compared opaquely. */
export const etagOf = (text: string): string =>
  `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`

/** Whether an `If-None-Match` header names this ETag. */
export const matches = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag) ?? false

interface About {
  registry: string
  /** Labels that a service gets when neither image nor service say otherwise. */
  defaults: Variables
  /** Our own supervisor takes everything of the Compose file; the genuine one the plain forms. */
  ours: boolean
}

function targetOfApp({ row, fragment }: App, about: About, device?: DeviceRow): TargetApp {
  const { release } = fragment
  return {
    id: row.id,
    name: row.name,
    is_host: row.is_host,
    class: row.class,
    ...(release && {
      releases: { [release.commit]: targetOfRelease(row, fragment, release, about, device) },
    }),
  } as TargetApp
}

function targetOfRelease(
  row: AppRow,
  fragment: Fragment,
  release: NonNullable<Fragment['release']>,
  about: About,
  device: DeviceRow | undefined,
): TargetRelease {
  const composition = release.composition ?? {}
  const services = (release.services ?? []).map((service) => [
    service.name,
    targetOfService(row, fragment, service, composition.services?.[service.name] ?? {}, about, device),
  ])
  return {
    id: release.id,
    ...(services.length > 0 && { services: sorted(Object.fromEntries(services)) }),
    ...(composition.volumes && { volumes: sorted(composition.volumes) }),
    ...(composition.networks && { networks: sorted(composition.networks) }),
  } as TargetRelease
}

function targetOfService(
  row: AppRow,
  fragment: Fragment,
  service: ServiceRow,
  composed: Record<string, unknown>,
  about: About,
  device: DeviceRow | undefined,
): TargetService {
  const { build: _, ...composition } = composed
  const own = (device?.service_environment ?? []).filter((variable) => variable.service === service.id)
  const environment = {
    ...service.image_environment,
    ...fragment.environment,
    ...service.service_environment,
    ...device?.environment,
    ...Object.fromEntries(own.map(({ name, value }) => [name, value])),
  }
  const labels = {
    ...(row.is_host && { 'io.balena.image.store': 'root' }),
    ...service.image_labels,
    ...service.service_labels,
  }
  return {
    id: service.id,
    image_id: service.image_id,
    image: imageReference(about.registry, service),
    running: true,
    environment: only(environment, /^[a-zA-Z_][a-zA-Z0-9_]*$/),
    labels: only({ ...absent(about.defaults, labels), ...labels }, /^[!#-&(-_a-~]+$/),
    ...(service.contract && { contract: service.contract }),
    composition: about.ours ? composition : plainForms(composition),
  }
}

/** `<host>/v2/<hash>@<digest>`, lower case as devices compare it. */
const imageReference = (registry: string, { location, content_hash }: ServiceRow): string =>
  `${registry}/${location}${content_hash ? `@${content_hash}` : ''}`.toLowerCase()

/** The update strategy is set by config variables and read by devices from labels. */
function strategyLabels(winners: Map<string, string>): Variables {
  const strategy = winners.get('SUPERVISOR_UPDATE_STRATEGY')
  const timeout = winners.get('SUPERVISOR_HANDOVER_TIMEOUT')
  return {
    ...(strategy && { 'io.resin.update.strategy': strategy }),
    ...(timeout && { 'io.resin.update.handover-timeout': timeout }),
  }
}

/** The defaults that no label of either spelling (`io.resin.`, `io.balena.`) sets. */
const absent = (defaults: Variables, labels: Variables): Variables =>
  Object.fromEntries(
    Object.entries(defaults).filter(
      ([name]) => !(name in labels) && !(name.replace('io.resin.', 'io.balena.') in labels),
    ),
  )

/** One bad name costs that name: a device would refuse the whole document for it. */
const only = (variables: Variables, name: RegExp): Variables =>
  Object.fromEntries(
    Object.entries(variables)
      .filter(([key]) => name.test(key))
      .sort(byName),
  )

/** Dependencies as a list of names (a map stops the genuine supervisor), and no GPU requests, which it does not know. */
function plainForms(composition: Record<string, unknown>): Record<string, unknown> {
  const plain = { ...composition }
  delete plain.deploy
  delete plain.gpus
  const { depends_on: dependencies } = plain
  if (dependencies && !Array.isArray(dependencies)) plain.depends_on = Object.keys(dependencies).sort()
  return plain
}

/** Our versions begin at 20. */
const runsOurSupervisor = ({ supervisor_version: version }: DeviceRow): boolean =>
  Number.parseInt(version ?? '0', 10) >= 20

const sorted = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(byName))
