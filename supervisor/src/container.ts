// What the engine is asked to make of a service. Pure: what the host has is given (supervisor, "What an app container gets").
import type { ContainerSpec, HostConfig, Healthcheck } from '@copal/engine/containers.ts'
import type { EndpointSpec } from '@copal/engine/networks.ts'
import { bytesOf, secondsOf } from './amounts.ts'
import { featuresOf, type Features } from './features.ts'
import { label } from './labels.ts'
import { ourLabels } from './observe.ts'
import { portsOf } from './ports.ts'
import { locationOf } from './references.ts'
import { isRecord, mountsOf, text, textMap, type WantedApp, type WantedService } from './wanted.ts'
import { splitWords } from './words.ts'

/** What a container learns of the device that it runs on. */
export interface Surroundings {
  uuid: string
  deviceName: string
  deviceType: string
  arch: string
  osVersion: string
  apiEndpoint: string
  deviceKey: string
  /** Path of the engine's socket on the host. */
  engineSocket: string
  /** Whether a path exists on the host. */
  exists(path: string): boolean
  namespace: string
}

export interface Made {
  /** The engine's id of the image. */
  image: string
  /** Id of the container whose network it shares (`network_mode: service:…`). */
  sharedWith: string | undefined
}

/** Where the lock files of a service lie on the host; the container sees it as `/tmp/balena` and `/tmp/resin`. */
export function serviceFolder(appId: number, service: string): string {
  return `/tmp/balena-supervisor/services/${appId}/${service}`
}

export function containerSpec(
  app: WantedApp,
  service: WantedService,
  around: Surroundings,
  made: Made,
): ContainerSpec & { name: string } {
  const { composition } = service
  const features = featuresOf(service.labels, around)
  const spec: ContainerSpec & { name: string } = {
    name: service.containerName,
    Image: made.image,
    Cmd: commandOf(composition['command']),
    Entrypoint: commandOf(composition['entrypoint']),
    Env: environmentOf(app, service, around, features),
    Labels: labelsOf(app, service, around.namespace),
    Hostname: text(composition['hostname']) || undefined,
    Domainname: text(composition['domainname']) || undefined,
    User: text(composition['user']) || undefined,
    WorkingDir: text(composition['working_dir']) || undefined,
    // The contract's default; a program with a terminal prints its lines at once.
    Tty: composition['tty'] !== false,
    MacAddress: text(composition['mac_address']) || undefined,
    StopSignal: text(composition['stop_signal']) || undefined,
    StopTimeout: Math.ceil(secondsOf(composition['stop_grace_period']) ?? 10),
    Healthcheck: healthcheckOf(composition['healthcheck']),
    Volumes: anonymousVolumes(composition['volumes']),
    ExposedPorts: portsOf(composition['ports']).exposed,
    HostConfig: hostConfigOf(app, service, made, features),
    ...networkingOf(app, service),
  } as ContainerSpec & { name: string }
  return dropUndefined(spec)
}

function labelsOf(app: WantedApp, service: WantedService, namespace: string): Record<string, string> {
  return {
    ...service.labels,
    ...ourLabels(namespace),
    [label.appId]: String(app.id),
    [label.appUuid]: app.uuid,
    [label.serviceId]: String(service.id),
    [label.serviceName]: service.name,
    [label.config]: service.digest,
    [label.commit]: app.commit ?? '',
    [label.image]: locationOf(service.image),
  }
}

function environmentOf(
  app: WantedApp,
  service: WantedService,
  around: Surroundings,
  features: Features,
): string[] {
  const both = {
    APP_ID: String(app.id),
    APP_UUID: app.uuid,
    APP_NAME: app.name,
    SERVICE_NAME: service.name,
    DEVICE_UUID: around.uuid,
    DEVICE_TYPE: around.deviceType,
    DEVICE_ARCH: around.arch,
    DEVICE_NAME_AT_INIT: around.deviceName,
    HOST_OS_VERSION: around.osVersion,
    APP_LOCK_PATH: '/tmp/balena/updates.lock',
    ...features.environment,
  }
  const given: Record<string, string> = {
    BALENA: '1',
    RESIN: '1',
    USER: 'root',
    BALENA_SERVICE_HANDOVER_COMPLETE_PATH: '/tmp/balena/handover-complete',
    RESIN_SERVICE_KILL_ME_PATH: '/tmp/balena/handover-complete',
    ...features.plainEnvironment,
  }
  for (const [name, value] of Object.entries(both)) {
    given[`BALENA_${name}`] = value
    given[`RESIN_${name}`] = value
  }
  return Object.entries({ ...given, ...service.environment }).map(([name, value]) => `${name}=${value}`)
}

function hostConfigOf(app: WantedApp, service: WantedService, made: Made, features: Features): HostConfig {
  const { composition: c, restart } = service
  const folder = serviceFolder(app.id, service.name)
  const volumes = mountsOf(c['volumes'])
    .filter((mount) => mount.source !== null)
    .map(({ source, target, mode }) => [`${app.id}_${source}`, target, mode].filter(Boolean).join(':'))
  const cpus = Number(c['cpus'])
  return dropUndefined({
    Binds: [...volumes, `${folder}:/tmp/balena`, `${folder}:/tmp/resin`, ...features.binds],
    Tmpfs: tmpfsOf(c),
    NetworkMode: networkModeOf(app, service, made),
    PortBindings: portsOf(c['ports']).bindings,
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.retries },
    Privileged: c['privileged'] === true,
    CapAdd: textsOf(c['cap_add']),
    CapDrop: textsOf(c['cap_drop']),
    SecurityOpt: textsOf(c['security_opt'])?.filter((option) => !option.startsWith('label')),
    Devices: textsOf(c['devices'])?.map(deviceOf),
    DeviceRequests: [...features.deviceRequests, ...gpusOf(c['x-copal'])],
    Dns: textsOf(c['dns']),
    DnsOptions: textsOf(c['dns_opt']),
    DnsSearch: textsOf(c['dns_search']),
    ExtraHosts: textsOf(c['extra_hosts'])?.map((line) => line.replace(/^([^=:]+)=/, '$1:')),
    GroupAdd: textsOf(c['group_add']),
    CgroupParent: text(c['cgroup_parent']) || undefined,
    IpcMode: text(c['ipc']) || 'shareable',
    PidMode: text(c['pid']) || undefined,
    UsernsMode: text(c['userns_mode']) || undefined,
    PidsLimit: numberOf(c['pids_limit']),
    ReadonlyRootfs: c['read_only'] === true,
    StorageOpt: isRecord(c['storage_opt']) ? textMap(c['storage_opt']) : undefined,
    Sysctls: c['sysctls'] === undefined ? undefined : textMap(c['sysctls']),
    Ulimits: ulimitsOf(c['ulimits']),
    Memory: bytesOf(c['mem_limit']),
    MemoryReservation: bytesOf(c['mem_reservation']),
    ShmSize: bytesOf(c['shm_size']),
    OomKillDisable: c['oom_kill_disable'] === true ? true : undefined,
    OomScoreAdj: numberOf(c['oom_score_adj']),
    CpuShares: numberOf(c['cpu_shares']),
    CpuQuota: numberOf(c['cpu_quota']),
    CpusetCpus: text(c['cpuset']) || undefined,
    NanoCpus: cpus > 0 ? Math.round(cpus * 1e9) : undefined,
    Init: c['init'] === true ? true : undefined,
    // The engine's own default keeps every line for ever.
    LogConfig: { Type: 'json-file', Config: { 'max-size': '4m', 'max-file': '3' } },
  } as HostConfig)
}

function networkModeOf(app: WantedApp, service: WantedService, made: Made): string | undefined {
  if (service.networkMode?.startsWith('service:')) return `container:${made.sharedWith ?? ''}`
  if (service.networkMode !== null) return service.networkMode
  return app.networks.find((network) => network.part === service.networks[0])?.name
}

/** Every network that the service is on, by its name on the engine, with its place there. */
export function endpointsOf(app: WantedApp, service: WantedService): [string, EndpointSpec][] {
  const written = service.composition['networks']
  return service.networks.map((part) => {
    const how = isRecord(written) && isRecord(written[part]) ? written[part] : {}
    const addresses = {
      IPv4Address: text(how['ipv4_address']) || undefined,
      IPv6Address: text(how['ipv6_address']) || undefined,
      LinkLocalIPs: textsOf(how['link_local_ips']),
    }
    const name = app.networks.find((network) => network.part === part)?.name ?? part
    const endpoint = {
      Aliases: [service.name, ...(textsOf(how['aliases']) ?? [])],
      ...(Object.values(addresses).some(Boolean) ? { IPAMConfig: dropUndefined(addresses) } : {}),
    }
    return [name, endpoint as EndpointSpec]
  })
}

/** The first network; others are joined before the start, for older engines take only one here. */
function networkingOf(app: WantedApp, service: WantedService): Pick<ContainerSpec, 'NetworkingConfig'> {
  const [first] = endpointsOf(app, service)
  return first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: Object.fromEntries([first]) } }
}

function commandOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.map(String)
  return typeof value === 'string' ? splitWords(value) : undefined
}

function anonymousVolumes(volumes: unknown): Record<string, object> | undefined {
  const anonymous = mountsOf(volumes).filter((mount) => mount.source === null)
  return anonymous.length === 0 ? undefined : Object.fromEntries(anonymous.map(({ target }) => [target, {}]))
}

function tmpfsOf(composition: Readonly<Record<string, unknown>>): Record<string, string> | undefined {
  const result: Record<string, string> = {}
  for (const line of textsOf(composition['tmpfs']) ?? []) {
    const [path = '', options = ''] = line.split(/:(.*)/s)
    result[path] = options
  }
  const volumes = composition['volumes']
  for (const entry of Array.isArray(volumes) ? (volumes as unknown[]) : []) {
    if (isRecord(entry) && entry['type'] === 'tmpfs') result[text(entry['target'])] = ''
  }
  return Object.keys(result).length === 0 ? undefined : result
}

/** `/dev/x`, `/dev/x:/dev/y` or `/dev/x:/dev/y:rwm` */
function deviceOf(line: string): NonNullable<HostConfig['Devices']>[number] {
  const [host = '', container = host, permissions = 'rwm'] = line.split(':')
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions }
}

function healthcheckOf(value: unknown): Healthcheck | undefined {
  if (!isRecord(value)) return undefined
  if (value['disable'] === true) return { Test: ['NONE'] }
  const { test } = value
  const list = Array.isArray(test) ? test.map(String) : typeof test === 'string' ? ['CMD-SHELL', test] : []
  const nanoseconds = (name: string) => {
    const duration = secondsOf(value[name])
    return duration === undefined ? undefined : Math.round(duration * 1e9)
  }
  return dropUndefined({
    Test: list,
    Interval: nanoseconds('interval'),
    Timeout: nanoseconds('timeout'),
    StartPeriod: nanoseconds('start_period'),
    Retries: numberOf(value['retries']),
  } as Healthcheck)
}

function ulimitsOf(value: unknown): HostConfig['Ulimits'] {
  if (!isRecord(value)) return undefined
  return Object.entries(value).map(([Name, limit]) => {
    const soft = isRecord(limit) ? limit['soft'] : limit
    const hard = isRecord(limit) ? limit['hard'] : limit
    return { Name, Soft: Number(soft), Hard: Number(hard) }
  })
}

/** Compose's requests for GPUs, in the engine's words. */
function gpusOf(ours: unknown): NonNullable<HostConfig['DeviceRequests']> {
  const gpus = isRecord(ours) ? ours['gpus'] : undefined
  if (gpus === 'all') return [{ Count: -1, Capabilities: [['gpu']] }]
  if (!Array.isArray(gpus)) return []
  return gpus.filter(isRecord).map((request) => {
    const ids = textsOf(request['device_ids'])
    const count = request['count'] === 'all' ? -1 : (numberOf(request['count']) ?? -1)
    return {
      ...(text(request['driver']) === '' ? {} : { Driver: text(request['driver']) }),
      ...(ids === undefined ? { Count: count } : { DeviceIDs: ids }),
      Capabilities: [textsOf(request['capabilities']) ?? ['gpu']],
    }
  })
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** A list of texts, or one text as a list of one. */
function textsOf(value: unknown): string[] | undefined {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.map(String) : undefined
}

function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T
}
