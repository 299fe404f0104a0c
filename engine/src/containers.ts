import type { Readable } from 'node:stream'
import type { Engine } from './engine.ts'
import type { Filters } from './filters.ts'
import type { EndpointSpec } from './networks.ts'

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface ContainerSummary {
  Id: string
  /** Each with a leading slash. */
  Names: string[]
  Image: string
  ImageID: string
  Labels: Record<string, string>
  State: ContainerState
  /** For people: `Up 3 minutes (healthy)`. */
  Status: string
  /** Seconds. */
  Created: number
  NetworkSettings: { Networks: Record<string, { NetworkID: string; IPAddress: string }> } | null
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[]
  Mounts: { Type: string; Name?: string; Source: string; Destination: string }[]
}

export interface ContainerDetails {
  Id: string
  /** With a leading slash. */
  Name: string
  /** Id of the image. */
  Image: string
  Created: string
  RestartCount: number
  State: {
    Status: ContainerState
    Running: boolean
    Restarting: boolean
    OOMKilled: boolean
    ExitCode: number
    Error: string
    /** Process id on the engine's host. */
    Pid: number
    StartedAt: string
    FinishedAt: string
    Health?: { Status: 'none' | 'starting' | 'healthy' | 'unhealthy'; FailingStreak: number }
  }
  Config: {
    Image: string
    Env: string[] | null
    Cmd: string[] | null
    Entrypoint: string[] | null
    Labels: Record<string, string>
    Tty: boolean
    Hostname: string
  }
  HostConfig: HostConfig
  NetworkSettings: {
    Networks: Record<string, { NetworkID: string; IPAddress: string; Aliases: string[] | null }>
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>
  }
  Mounts: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean }[]
}

export interface Healthcheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', line]`. */
  Test: string[]
  /** Nanoseconds, as all durations here. */
  Interval?: number
  Timeout?: number
  StartPeriod?: number
  Retries?: number
}

export interface HostConfig {
  Binds?: string[]
  Mounts?: {
    Type: 'bind' | 'volume' | 'tmpfs'
    Source?: string
    Target: string
    ReadOnly?: boolean
    BindOptions?: { Propagation?: string; NonRecursive?: boolean }
    VolumeOptions?: { NoCopy?: boolean }
    TmpfsOptions?: { SizeBytes?: number; Mode?: number }
  }[]
  Tmpfs?: Record<string, string>
  NetworkMode?: string
  PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[]>
  RestartPolicy?: {
    Name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure'
    MaximumRetryCount?: number
  }
  AutoRemove?: boolean
  Privileged?: boolean
  CapAdd?: string[]
  CapDrop?: string[]
  SecurityOpt?: string[]
  Devices?: { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[]
  DeviceCgroupRules?: string[]
  DeviceRequests?: { Driver?: string; Count?: number; DeviceIDs?: string[]; Capabilities?: string[][] }[]
  Dns?: string[]
  DnsOptions?: string[]
  DnsSearch?: string[]
  ExtraHosts?: string[]
  GroupAdd?: string[]
  CgroupParent?: string
  CgroupnsMode?: 'private' | 'host'
  IpcMode?: string
  PidMode?: string
  UTSMode?: string
  UsernsMode?: string
  PidsLimit?: number
  ReadonlyRootfs?: boolean
  /** Empty lists unmask what the engine hides under `/proc` and `/sys`. */
  MaskedPaths?: string[]
  ReadonlyPaths?: string[]
  Runtime?: string
  StorageOpt?: Record<string, string>
  Sysctls?: Record<string, string>
  Ulimits?: { Name: string; Soft: number; Hard: number }[]
  /** Bytes, as all memory here. */
  Memory?: number
  MemoryReservation?: number
  MemorySwap?: number
  ShmSize?: number
  OomKillDisable?: boolean
  OomScoreAdj?: number
  CpuShares?: number
  CpuPeriod?: number
  CpuQuota?: number
  CpusetCpus?: string
  NanoCpus?: number
  Init?: boolean
  LogConfig?: { Type: string; Config?: Record<string, string> }
}

export interface ContainerSpec {
  Image: string
  Cmd?: string[]
  Entrypoint?: string[]
  /** `NAME=value`; a bare `NAME` takes it away from the image's. */
  Env?: string[]
  Labels?: Record<string, string>
  Hostname?: string
  Domainname?: string
  User?: string
  WorkingDir?: string
  Tty?: boolean
  OpenStdin?: boolean
  StdinOnce?: boolean
  MacAddress?: string
  StopSignal?: string
  /** Seconds. */
  StopTimeout?: number
  ExposedPorts?: Record<string, object>
  Volumes?: Record<string, object>
  Healthcheck?: Healthcheck
  HostConfig?: HostConfig
  /** Engines before API 1.44 take one network here; join the others with `connectNetwork` before the start. */
  NetworkingConfig?: { EndpointsConfig: Record<string, EndpointSpec> }
}

export function listContainers(
  engine: Engine,
  options: { all?: boolean; filters?: Filters; signal?: AbortSignal } = {},
): Promise<ContainerSummary[]> {
  const { all, filters, signal } = options
  return engine.json('GET', '/containers/json', { query: { all, filters }, signal })
}

export function inspectContainer(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<ContainerDetails> {
  return engine.json('GET', `/containers/${encodeURIComponent(id)}/json`, { signal })
}

/** Gives the new container's id. 404 when the image is missing, 409 when the name is in use. */
export async function createContainer(
  engine: Engine,
  spec: ContainerSpec & { name?: string; platform?: string },
): Promise<string> {
  const { name, platform, ...body } = spec
  const query = { name, platform }
  const { Id } = await engine.json<{ Id: string }>('POST', '/containers/create', { query, body })
  return Id
}

/** One that runs already is fine. */
export function startContainer(engine: Engine, id: string): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/start`)
}

/**
 * Asks the container to end, and kills it when it has not after the grace time. One that does not run is fine.
 * @param seconds of grace; the container's own when absent
 */
export function stopContainer(
  engine: Engine,
  id: string,
  seconds?: number,
  signal?: AbortSignal,
): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/stop`, { query: { t: seconds }, signal })
}

export function restartContainer(engine: Engine, id: string, seconds?: number): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/restart`, { query: { t: seconds } })
}

/** 409 when it does not run. */
export function killContainer(engine: Engine, id: string, signal = 'SIGKILL'): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/kill`, { query: { signal } })
}

/** @param options.volumes takes its anonymous volumes along */
export function removeContainer(
  engine: Engine,
  id: string,
  options: { force?: boolean; volumes?: boolean } = {},
): Promise<void> {
  const query = { force: options.force, v: options.volumes }
  return engine.done('DELETE', `/containers/${encodeURIComponent(id)}`, { query })
}

/** 409 when the name is in use. */
export function renameContainer(engine: Engine, id: string, name: string): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/rename`, { query: { name } })
}

/** Changes limits and restart policy of a container as it runs. */
export function updateContainer(engine: Engine, id: string, changes: HostConfig): Promise<void> {
  return engine.done('POST', `/containers/${encodeURIComponent(id)}/update`, { body: changes })
}

/** Waits until it has ended (or as `condition` says) and gives its exit code. */
export async function waitContainer(
  engine: Engine,
  id: string,
  options: { condition?: 'not-running' | 'next-exit' | 'removed'; signal?: AbortSignal } = {},
): Promise<number> {
  const { condition, signal } = options
  const path = `/containers/${encodeURIComponent(id)}/wait`
  const answer = await engine.json<{ StatusCode: number }>('POST', path, { query: { condition }, signal })
  return answer.StatusCode
}

/** Puts the files of a tar (compressed or not) into a folder of the container, which need not run. */
export function putArchive(
  engine: Engine,
  id: string,
  folder: string,
  tar: Readable | Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}/archive`
  return engine.done('PUT', path, { query: { path: folder }, body: tar, signal })
}

/** A file or folder of the container, as a tar. */
export function getArchive(
  engine: Engine,
  id: string,
  path: string,
  signal?: AbortSignal,
): Promise<Readable> {
  return engine.request('GET', `/containers/${encodeURIComponent(id)}/archive`, { query: { path }, signal })
}

/** The whole file system of a container, as a tar. */
export function exportContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<Readable> {
  return engine.request('GET', `/containers/${encodeURIComponent(id)}/export`, { signal })
}

export interface ContainerStats {
  cpu_stats: { cpu_usage: { total_usage: number }; system_cpu_usage?: number; online_cpus?: number }
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> }
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>
}

/** One look at what it uses; with `one-shot` the engine does not wait a second for a second look (API 1.41). */
export function containerStats(engine: Engine, id: string): Promise<ContainerStats> {
  const query = { stream: false, 'one-shot': true }
  return engine.json('GET', `/containers/${encodeURIComponent(id)}/stats`, { query })
}

/** Removes containers that do not run and fit; gives their ids. */
export async function pruneContainers(engine: Engine, filters?: Filters): Promise<string[]> {
  const answer = await engine.json<{ ContainersDeleted: string[] | null }>('POST', '/containers/prune', {
    query: { filters },
  })
  return answer.ContainersDeleted ?? []
}
