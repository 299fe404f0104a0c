// Containers that hold a whole Docker Engine: an organization's builder and a virtual device. What they need of
// the engine outside is decided here, as data, for `createContainer`.
import type { ContainerSpec, HostConfig } from './containers.ts'
import type { Powers } from './powers.ts'

/** The name under which builders and virtual devices know the platform; it leads to the engine's host. */
export const platformName = 'platform.copal.internal'

export interface NestedOptions {
  /** As `node images/src/main.ts builder` (or `device`) prints it. */
  image: string
  powers: Powers
  /**
   * A network of the user's kind, so that names are answered by the engine outside whatever the host's own resolver
   * is; never `bridge` or `host`.
   */
  network: string
  labels: Record<string, string>
}

/** What every container with an engine inside is made of; builder and virtual device add their own. */
export function nestedContainer(
  options: NestedOptions,
): ContainerSpec & { HostConfig: HostConfig; Env: string[] } {
  return {
    Image: options.image,
    Labels: options.labels,
    Env: [],
    // Seconds: the engine inside stops its own containers first.
    StopTimeout: 30,
    HostConfig: {
      ...powersOf(options.powers),
      // Its own view of the cgroups, so that limits on it hold for all that it starts.
      CgroupnsMode: 'private',
      NetworkMode: options.network,
      ExtraHosts: [`${platformName}:host-gateway`],
      Tmpfs: { '/run': 'exec,mode=755', '/tmp': 'exec,mode=1777' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
    },
  }
}

function powersOf(powers: Powers): HostConfig {
  const unconfined = ['seccomp=unconfined', 'apparmor=unconfined', 'label=disable']
  if (powers.privileged) return { Privileged: true, SecurityOpt: unconfined }
  return {
    CapAdd: powers.capabilities,
    SecurityOpt: unconfined,
    MaskedPaths: [],
    ReadonlyPaths: [],
    DeviceCgroupRules: ['a *:* rwm'],
  }
}
