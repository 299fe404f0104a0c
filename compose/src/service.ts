// One service of a compose file, as a release keeps it and devices read it.
import { buildSection, type BuildSection } from './build-section.ts'
import { dependsOn, type Dependencies } from './depends-on.ts'
import { gpus, gpusOfDeploy, type Gpus } from './gpus.ts'
import type { Variables } from './interpolate.ts'
import { labels } from './labels.ts'
import { mounts } from './mounts.ts'
import { serviceNetworks } from './networks.ts'
import type { Warning } from './project-error.ts'
import { DROPPED, KEPT, REFUSED } from './service-keys.ts'
import { entries, isNull, nullableTextMap, refuse, text, type TextMap } from './values.ts'
import type { Node } from './yaml.ts'

/** What goes beyond plain compose on devices; supervisors that do not know the key pass over it. */
export const OURS = 'x-copal'
export type OurKeys = { depends_on?: Dependencies['conditions']; gpus?: Gpus }

export type ComposedService = {
  build?: BuildSection
  image?: string
  depends_on?: string[]
  environment?: TextMap
  labels?: TextMap
  volumes?: string[]
  tmpfs?: string[]
  network_mode?: string
  [OURS]?: OurKeys
  [key: string]: unknown
}

/** What a service names elsewhere in the file, to be checked when the whole is known. */
export type References = Record<'services' | 'volumes' | 'networks', { name: string; node: Node }[]>

export type Surroundings = {
  variables: Variables
  warnings: Warning[]
  /** What `env_file` and `label_file` held, read before; what the service itself says wins. */
  fromFiles: { environment: ReadonlyMap<string, string>; labels: ReadonlyMap<string, string> }
}

export function composedService(
  name: string,
  node: Node,
  around: Surroundings,
): { service: ComposedService; refersTo: References } {
  const own: Warning[] = []
  const service: ComposedService = {}
  const ours: OurKeys = {}
  const refersTo: References = { services: [], volumes: [], networks: [] }
  const features = new Set<string>()
  const tmpfs: string[] = []

  for (const [key, value] of entries(node)) {
    if (key.startsWith('x-') || ['env_file', 'label_file', 'profiles'].includes(key)) continue
    if (isNull(value) && !Object.hasOwn(REFUSED, key)) continue
    switch (key) {
      case 'build':
        service.build = buildSection(value, around.variables, own)
        break
      case 'image':
        service.image = text(value)
        break
      case 'environment':
        service.environment = environment(value, around.variables)
        break
      case 'labels':
        service.labels = labels(value)
        break
      case 'volumes': {
        const read = mounts(value, own)
        service.volumes = read.volumes
        refersTo.volumes = read.names
        tmpfs.push(...read.tmpfs)
        for (const feature of read.features) features.add(feature)
        break
      }
      case 'depends_on': {
        const read = dependsOn(value, own)
        service.depends_on = read.names.map((dependency) => dependency.name)
        refersTo.services.push(...read.names)
        if (Object.keys(read.conditions).length) ours.depends_on = read.conditions
        break
      }
      case 'networks': {
        const read = serviceNetworks(value, own)
        service['networks'] = read.value
        refersTo.networks = read.names
        break
      }
      case 'gpus':
        ours.gpus = gpus(value)
        break
      case 'deploy':
        ours.gpus = gpusOfDeploy(value, REFUSED['deploy']!)
        break
      default:
        if (Object.hasOwn(KEPT, key)) service[key] = KEPT[key]!(value)
        else if (Object.hasOwn(DROPPED, key))
          own.push({ text: `${key} is dropped: ${DROPPED[key]}`, ...lineOf(value) })
        else
          refuse(
            value,
            Object.hasOwn(REFUSED, key)
              ? REFUSED[key]!
              : 'there is no such key of a service · is it spelt right?',
          )
    }
  }

  const shared = /^service:(.+)$/.exec(service.network_mode ?? '')
  if (shared) refersTo.services.push({ name: shared[1]!, node: entries(node).get('network_mode')! })
  if (service.network_mode && service['networks'])
    refuse(entries(node).get('networks')!, 'network_mode is set too · keep one of the two')
  if (!service.build && !service.image) refuse(node, 'it has neither build nor image')

  merge(service, 'environment', around.fromFiles.environment)
  merge(
    service,
    'labels',
    new Map([
      ...around.fromFiles.labels,
      ...[...features].map((f) => [`io.balena.features.${f}`, '1'] as const),
    ]),
  )
  if (tmpfs.length) service.tmpfs = [...(service.tmpfs ?? []), ...tmpfs]
  if (ours.gpus) own.push({ text: `GPUs are given only where Copal's own supervisor runs`, ...lineOf(node) })
  if (Object.keys(ours).length) service[OURS] = ours
  around.warnings.push(...own.map((warning) => ({ ...warning, service: name })))
  return { service, refersTo }
}

/** A name without a value takes that of a variable, else it is empty. */
function environment(node: Node, variables: Variables): TextMap {
  const out: TextMap = {}
  for (const [name, { value, node: at }] of nullableTextMap(node)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      refuse(at, `${JSON.stringify(name)} is no name of a variable that devices take`)
    out[name] = value ?? variables.get(name) ?? ''
  }
  return out
}

function merge(
  service: ComposedService,
  key: 'environment' | 'labels',
  under: ReadonlyMap<string, string>,
): void {
  if (under.size) service[key] = { ...Object.fromEntries(under), ...service[key] }
}

function lineOf(node: Node): { line?: number } {
  return node.where.line ? { line: node.where.line } : {}
}
