// Everything that the supervisor takes from its environment. Nothing else reads it.
// What a person sets for a device is in config.json (config.ts) and in the target state's `config`.

export interface Settings {
  /** Boot folder: `config.json`, `device-type.json`. */
  boot: string
  /** Our own memory: target, commits, positions of logs, second copy of config.json. Survives updates of the system. */
  state: string
  /** A path on the partition that holds images and volumes, for its size. */
  data: string
  /** The host's `/` as seen from here. */
  hostRoot: string
  /** The engine, as `DOCKER_HOST` spells it. */
  engine: string
  /** Where `GET /ping` and `/v1/healthy` answer. */
  host: string
  /** Null: what config.json says, 48484 otherwise. */
  port: number | null
  /**
   * Empty on a device: every supervised container of the engine is ours. Set, it is written as label
   * `io.copal.namespace` on all we make, and we see nothing else: several supervisors can share an engine.
   */
  namespace: string
  /** PEM file of authorities that this machine believes besides those built in; Node.js reads it by itself where we name no other. */
  authorities: string
}

interface Row {
  variable: string
  fallback: string
  meaning: string
}

const table: Record<keyof Settings, Row> = {
  boot: { variable: 'COPAL_BOOT', fallback: '/mnt/boot', meaning: 'folder of config.json' },
  state: {
    variable: 'COPAL_STATE',
    fallback: '/mnt/state/supervisor',
    meaning: 'folder for what must survive',
  },
  data: { variable: 'COPAL_DATA', fallback: '/data', meaning: 'a path on the data partition' },
  hostRoot: { variable: 'COPAL_HOST_ROOT', fallback: '/mnt/root', meaning: "the host's root" },
  engine: { variable: 'DOCKER_HOST', fallback: 'unix:///var/run/docker.sock', meaning: 'the engine' },
  host: { variable: 'COPAL_LISTEN_HOST', fallback: '127.0.0.1', meaning: 'address of the local API' },
  port: { variable: 'COPAL_LISTEN_PORT', fallback: '', meaning: 'port of the local API' },
  authorities: { variable: 'NODE_EXTRA_CA_CERTS', fallback: '', meaning: 'authorities to believe' },
  namespace: { variable: 'COPAL_NAMESPACE', fallback: '', meaning: 'label that tells ours from others' },
}

/** @throws Error that names every fault at once */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const read = (name: keyof Settings) => environment[table[name].variable] || table[name].fallback
  const port = read('port') === '' ? null : Number(read('port'))
  if (port !== null && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new Error(`cannot start: ${table.port.variable} must be a port, it is "${read('port')}"`)
  }
  return {
    boot: read('boot'),
    state: read('state'),
    data: read('data'),
    hostRoot: read('hostRoot'),
    // Devices of the older kind name the socket by its bare path.
    engine: environment['DOCKER_HOST'] || environment['DOCKER_SOCKET'] || table.engine.fallback,
    host: read('host'),
    port,
    namespace: read('namespace'),
    authorities: read('authorities'),
  }
}
