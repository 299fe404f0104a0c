import type { ContainerSpec } from './containers.ts'
import { nestedContainer, platformName } from './nested.ts'
import type { NestedOptions } from './nested.ts'

export interface BuilderOptions extends NestedOptions {
  /** Keeps the engine's data: images and cache of one organization, shared with no other. */
  volume: string
  /**
   * A folder of the host, mode 700. The builder's socket `docker.sock` appears there; what listens at `registry.sock` is what
   * the builder reaches as the platform's registry, and nothing else of the platform is reached from inside.
   */
  socketFolder: string
  /** Where `images settings` wrote what this machine uses to get packages; absent: builds get nothing of it. */
  settings?: PackageSettings
  /** The registry's port, as images are named, and the certificate authority that it is signed by. */
  platform: { port: number; caPem: string }
  /** Bytes of the engine's data, a hard limit; 0 for none. */
  diskBytes: number
  memoryBytes: number
  cpus: number
  /** Processes and threads, of the engine and all builds together. */
  pids: number
  /** Addresses and networks (CIDR) of the host and its links, on top of those that are never public. */
  forbidden: string[]
  /** What builds may reach all the same (`COPAL_BUILD_ALLOW`): an address or network, with `:port` if need be. */
  allowed: string[]
  /** The host's resolvers: the builder's names are looked up there. */
  resolvers: string[]
}

/** What `images settings --json` prints. */
export interface PackageSettings {
  folder: string
  /** Local folders that the settings name, and where the builder finds them. */
  mounts: { source: string; target: string }[]
  /** Mirrors and proxies that are not on the public internet, as `address:port`. */
  allowed: string[]
}

/** Inside of a builder the platform's name leads here: an address that is nobody's (RFC 2544). */
const registryAddress = '198.19.0.1'

/**
 * The container of an organization's builder. It is ready when `GET /_ping` on `<socketFolder>/docker.sock` answers;
 * it ends by itself with a sentence in its log when it cannot be made safe.
 */
export function builderContainer(options: BuilderOptions): ContainerSpec {
  const { settings } = options
  const spec = nestedContainer(options)
  return {
    ...spec,
    Hostname: 'builder',
    Env: [
      `COPAL_PLATFORM=${platformName}:${options.platform.port}`,
      `COPAL_PLATFORM_CA=${options.platform.caPem}`,
      `COPAL_DISK_BYTES=${options.diskBytes}`,
      `COPAL_FORBIDDEN=${options.forbidden.join(' ')}`,
      `COPAL_ALLOWED=${[...options.allowed, ...(settings?.allowed ?? [])].join(' ')}`,
      `COPAL_RESOLVERS=${options.resolvers.join(' ')}`,
    ],
    HostConfig: {
      ...spec.HostConfig,
      ExtraHosts: [`${platformName}:${registryAddress}`],
      Memory: options.memoryBytes,
      // The same as Memory: no swap, so that a build which needs more fails alone and does not slow the host.
      MemorySwap: options.memoryBytes,
      NanoCpus: Math.round(options.cpus * 1e9),
      PidsLimit: options.pids,
      RestartPolicy: { Name: 'no' },
      Mounts: [
        { Type: 'volume', Source: options.volume, Target: '/var/lib/copal' },
        { Type: 'bind', Source: options.socketFolder, Target: '/run/copal' },
        ...(settings
          ? [
              {
                Type: 'bind' as const,
                Source: settings.folder,
                Target: '/etc/copal/packages',
                ReadOnly: true,
              },
              ...settings.mounts.map(({ source, target }) => ({
                Type: 'bind' as const,
                Source: source,
                Target: target,
                ReadOnly: true,
              })),
            ]
          : []),
      ],
    },
  }
}
