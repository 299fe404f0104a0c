// What a service gets by asking with a label `io.balena.features.<name>` (supervisor, "Feature labels").
// `supervisor-api` comes with the local API.
import type { HostConfig } from '@copal/engine/containers.ts'
import type { Surroundings } from './container.ts'
import { hasFeature } from './labels.ts'

export interface Features {
  binds: string[]
  /** Given with both prefixes, `BALENA_` and `RESIN_`. */
  environment: Record<string, string>
  plainEnvironment: Record<string, string>
  deviceRequests: NonNullable<HostConfig['DeviceRequests']>
}

/** Paths of the host; a path that is not there is left out, for the engine would make an empty folder of it. */
const paths: Record<string, string[]> = {
  dbus: ['/run/dbus:/host/run/dbus'],
  'kernel-modules': ['/lib/modules:/lib/modules'],
  firmware: ['/lib/firmware:/lib/firmware'],
  sysfs: ['/sys:/sys'],
  procfs: ['/proc:/proc'],
  'journal-logs': [
    '/var/log/journal:/var/log/journal:ro',
    '/run/log/journal:/run/log/journal:ro',
    '/etc/machine-id:/etc/machine-id:ro',
  ],
}

/** Every path of the host that a feature may ask for. */
export function hostPaths(engineSocket: string): string[] {
  return [engineSocket, ...Object.values(paths).flat().map(sourceOf)]
}

const socketInside = '/host/run/balena-engine.sock'

export function featuresOf(labels: Readonly<Record<string, string>>, around: Surroundings): Features {
  const features: Features = { binds: [], environment: {}, plainEnvironment: {}, deviceRequests: [] }
  for (const [name, binds] of Object.entries(paths)) {
    if (!hasFeature(labels, name)) continue
    features.binds.push(...binds.filter((bind) => around.exists(sourceOf(bind))))
  }
  const { engineSocket: socket } = around
  if (hasFeature(labels, 'balena-socket') && around.exists(socket)) {
    const inside = new Set([socketInside, socket, '/var/run/balena.sock'])
    features.binds.push(...[...inside].map((path) => `${socket}:${path}`))
    features.plainEnvironment['DOCKER_HOST'] = `unix://${socketInside}`
  }
  if (hasFeature(labels, 'balena-api') || hasFeature(labels, 'resin-api')) {
    features.environment['API_KEY'] = around.deviceKey
    features.environment['API_URL'] = around.apiEndpoint
  }
  if (hasFeature(labels, 'gpu')) features.deviceRequests.push({ Count: 1, Capabilities: [['gpu']] })
  return features
}

function sourceOf(bind: string): string {
  return bind.slice(0, bind.indexOf(':'))
}
