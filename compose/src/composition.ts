// A compose file read whole: checked, normalised, and ready to be kept with a release.
import { circleIn } from './depends-on.ts'
import { interpolate, type Variables } from './interpolate.ts'
import { partName, topNetworks, topVolumes } from './networks.ts'
import { cannot, type Warning } from './project-error.ts'
import { composedService, type ComposedService, type References, type Surroundings } from './service.ts'
import { entries, isNull, refuse, texts } from './values.ts'
import { parseYaml, type Node } from './yaml.ts'

/** `release.composition`: devices get each service without its build, and the sections of networks and volumes. */
export type Composition = {
  services: Record<string, ComposedService>
  networks: Record<string, Record<string, unknown>>
  volumes: Record<string, Record<string, unknown>>
}

export type ComposeSource = {
  text: string
  file: string
  variables: Variables
  keepDollars: boolean
  warnings: Warning[]
  /** Reads what `env_file` and `label_file` of a service name. */
  filesOf(service: Node): Promise<Surroundings['fromFiles']>
}

export type ReadComposition = { composition: Composition; lines: ReadonlyMap<string, number> }

const MOST_SERVICES = 200

const TOP_REFUSED: Record<string, string> = {
  secrets: 'devices have no secrets of compose · use variables, or build-secrets in .balena/balena.yml',
  configs: 'devices have no configs · copy the file into the image',
  include: 'other compose files are not read · write the services into this one',
}

export async function readComposition(source: ComposeSource): Promise<ReadComposition> {
  const { file, variables, warnings } = source
  const written = parseYaml(source.text, file)
  const root = source.keepDollars ? written : interpolate(written, variables, warnings)
  if (root.kind !== 'map')
    throw cannot('read the compose file', 'it must be a map with the key services', { file })

  for (const [key, value] of root.entries) {
    if (key in TOP_REFUSED) refuse(value, TOP_REFUSED[key]!)
    if (!['version', 'name', 'services', 'networks', 'volumes'].includes(key) && !key.startsWith('x-')) {
      refuse(value, 'there is no such key at the top of a compose file · is it spelt right?')
    }
  }

  const section = (key: string): Node =>
    root.entries.get(key) ?? { kind: 'map', entries: new Map(), where: root.where }
  const composition: Composition = {
    services: {},
    networks: topNetworks(section('networks')),
    volumes: topVolumes(section('volumes')),
  }
  const wanted = [...entries(section('services'))].filter(([name, node]) => isWanted(name, node, warnings))
  if (wanted.length === 0) throw cannot('read the compose file', 'it has no services', { file })
  if (wanted.length > MOST_SERVICES)
    throw cannot('read the compose file', `it has more than ${MOST_SERVICES} services`, { file })

  const references = new Map<string, References>()
  const lines = new Map<string, number>()
  for (const [name, plainNode] of wanted) {
    const node = ofService(plainNode, name)
    partName(name, node)
    if (isNull(node)) refuse(node, 'it is empty · give it build or image')
    const read = composedService(name, node, { variables, warnings, fromFiles: await source.filesOf(node) })
    composition.services[name] = read.service
    references.set(name, read.refersTo)
    if (node.where.line) lines.set(name, node.where.line)
  }
  checkReferences(composition, references, file)
  return { composition, lines }
}

function checkReferences(
  composition: Composition,
  references: ReadonlyMap<string, References>,
  file: string,
): void {
  for (const refersTo of references.values()) {
    for (const kind of ['services', 'volumes', 'networks'] as const) {
      for (const { name, node } of refersTo[kind]) {
        if (Object.hasOwn(composition[kind], name) || (kind === 'networks' && name === 'default')) continue
        refuse(node, `there is no ${name} under ${kind} · declare it, or mend the name`)
      }
    }
  }
  const circle = circleIn(
    new Map([...references].map(([name, { services }]) => [name, services.map((to) => to.name)])),
  )
  if (circle)
    throw cannot('order the services', `they wait for each other in a circle: ${circle.join(' → ')}`, {
      file,
    })
}

/** Compose starts services with profiles only on demand, and nobody on a device demands. */
function isWanted(name: string, node: Node, warnings: Warning[]): boolean {
  const profiles = node.kind === 'map' ? node.entries.get('profiles') : undefined
  if (!profiles || texts(profiles).length === 0) return true
  const line = profiles.where.line
  warnings.push({
    text: 'it has profiles, and is left out · remove the key to have it on devices',
    ...(line ? { line } : {}),
    service: name,
  })
  return false
}

/** Every place inside names its service. */
function ofService(node: Node, service: string): Node {
  const where = { ...node.where, service }
  if (node.kind === 'map') {
    return {
      ...node,
      where,
      entries: new Map([...node.entries].map(([key, value]) => [key, ofService(value, service)])),
    }
  }
  if (node.kind === 'list')
    return { ...node, where, items: node.items.map((item) => ofService(item, service)) }
  return { ...node, where }
}

/** What a project without a compose file runs as: one privileged service on the host's network, its data in a volume. */
export function defaultComposition(dockerfile?: string): Composition {
  const features = ['kernel-modules', 'firmware', 'dbus', 'supervisor-api', 'resin-api']
  return {
    networks: {},
    volumes: { 'resin-data': {} },
    services: {
      main: {
        build: { context: '.', ...(dockerfile ? { dockerfile } : {}) },
        privileged: true,
        tty: true,
        restart: 'always',
        network_mode: 'host',
        volumes: ['resin-data:/data'],
        // The old names: devices translate them (supervisor, "Names and labels").
        labels: Object.fromEntries(features.map((feature) => [`io.resin.features.${feature}`, '1'])),
      },
    },
  }
}
