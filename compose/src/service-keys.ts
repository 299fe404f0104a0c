// Every key that a service may have: what is kept and how it is read, what is dropped, and what is refused.
// The kept ones are those that devices honour (supervisor, "Compose fields honoured").
import { extraHosts, ports } from './ports.ts'
import { devices } from './mounts.ts'
import {
  amount,
  commandLine,
  entries,
  flag,
  items,
  number,
  oneOrMore,
  onlyKeys,
  refuse,
  text,
  textMap,
  texts,
} from './values.ts'
import { plain, type Node } from './yaml.ts'

/** Read as said here. Those that need more than their own value (volumes, networks, …) are read in `service.ts`. */
export const KEPT: Readonly<Record<string, (node: Node) => unknown>> = {
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  command: commandLine,
  cpu_quota: amount,
  cpu_shares: amount,
  cpus: amount,
  cpuset: text,
  devices,
  dns: oneOrMore,
  dns_opt: texts,
  dns_search: oneOrMore,
  domainname: text,
  entrypoint: commandLine,
  extra_hosts: extraHosts,
  group_add: texts,
  healthcheck,
  hostname: text,
  init: flag,
  ipc: (node) => without(node, /^service:/, 'devices share no ipc between services'),
  mac_address: text,
  mem_limit: amount,
  mem_reservation: amount,
  network_mode: (node) =>
    without(
      node,
      /^container:/,
      'containers are renewed with every release · name a service: service:<name>',
    ),
  oom_score_adj: number,
  pid: (node) => without(node, /^container:/, 'containers are renewed with every release'),
  pids_limit: (node) =>
    number(node) < 0 ? refuse(node, 'it must not be negative · remove the key for no limit') : number(node),
  ports,
  privileged: flag,
  read_only: flag,
  restart,
  running: flag,
  security_opt: securityOptions,
  shm_size: amount,
  stop_grace_period: amount,
  stop_signal: text,
  sysctls: textMap,
  tmpfs: oneOrMore,
  tty: flag,
  ulimits: (node) => (entries(node), plain(node)),
  user: text,
  userns_mode: text,
  working_dir: text,
}

/** Said with a warning: what would be lost is nothing a device could do. */
export const DROPPED: Readonly<Record<string, string>> = {
  annotations: 'devices keep no annotations',
  attach: 'logs of all services are kept',
  cgroup: 'devices choose the cgroup namespace',
  container_name: 'devices name containers themselves, other services reach it by the name of the service',
  cpu_rt_period: 'devices do not set it',
  cpu_rt_runtime: 'devices do not set it',
  device_cgroup_rules: 'devices do not set it',
  expose: 'services of a release reach all ports of each other',
  uts: 'devices do not set it',
  volumes_from: 'devices do not share mounts · name the volume in both services',
}

const UNKNOWN_TO_DEVICES = [
  'blkio_config',
  'cpu_count',
  'cpu_percent',
  'cpu_period',
  'credential_spec',
  'develop',
  'isolation',
  'mem_swappiness',
  'memswap_limit',
  'oom_kill_disable',
  'pull_policy',
  'stdin_open',
  'storage_opt',
]

/** Refused, with the way out. */
export const REFUSED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    UNKNOWN_TO_DEVICES.map((key) => [key, 'devices have no such thing · remove the key']),
  ),
  configs: 'devices have no configs · copy the file into the image',
  deploy: 'a release runs once on each device · remove the key (of it, only a reservation of GPUs is taken)',
  extends: 'services of other files are not read · use an anchor and a merge key (<<: *name)',
  external_links: 'services reach each other by name, and nothing else on the device · remove the key',
  links: 'services reach each other by name already · remove the key, use depends_on for the order',
  logging: 'the device collects the logs of all services · remove the key',
  platform: 'the platform is that of the fleet · remove the key',
  runtime: 'devices have one runtime · remove the key',
  scale: 'a release runs once on each device · write a second service',
  secrets:
    'devices have no secrets of compose · use a device or fleet variable, or build-secrets in .balena/balena.yml',
}

function without(node: Node, pattern: RegExp, why: string): string {
  return pattern.test(text(node)) ? refuse(node, why) : text(node)
}

/** `no` without quotes is text in YAML 1.2; a plain false can only mean the same. */
function restart(node: Node): string {
  const policy = node.kind === 'scalar' && node.value === false ? 'no' : text(node)
  if (/^(?:no|always|unless-stopped|on-failure(?::\d+)?)$/.test(policy)) return policy
  return refuse(node, `${policy} is none of no, always, unless-stopped, on-failure`)
}

function securityOptions(node: Node): string[] {
  return items(node).map((item) => {
    const option = text(item)
    if (/^(?:no-new-privileges(?:[:=](?:true|false))?|(?:apparmor|seccomp)[:=]unconfined)$/.test(option))
      return option
    return refuse(item, 'devices take no-new-privileges, apparmor=unconfined and seccomp=unconfined')
  })
}

function healthcheck(node: Node): unknown {
  onlyKeys(node, ['test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval', 'disable'])
  return plain(node)
}
