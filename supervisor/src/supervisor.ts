// All parts of the supervisor, in the order in which they begin.
import { containerLogs, type LogOptions } from '@copal/engine/container-logs.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { ConfigFile, ensureIdentity } from './config.ts'
import type { Device } from './device.ts'
import { listen } from './events.ts'
import { serveHealth } from './health.ts'
import { ipAddresses, macAddresses } from './host/addresses.ts'
import { readHostFacts } from './host/facts.ts'
import { tellInitialConfig } from './initial-report.ts'
import { log } from './log.ts'
import { LogStream } from './log-stream.ts'
import { Logs } from './logs.ts'
import { Loop } from './loop.ts'
import { Memory } from './memory.ts'
import { MetricsReader, movedMetrics, type Metrics } from './metrics.ts'
import { pause } from './pause.ts'
import { Platform } from './platform.ts'
import { register } from './register.ts'
import { Relay } from './relay.ts'
import { Reporter } from './report.ts'
import type { Settings } from './settings.ts'
import { version } from './version.ts'
import { Watch } from './watch.ts'

/** A round that takes longer, in ms, is stuck: no stop's grace time and no start is that long. */
const longestRound = 1_800_000
/** Addresses are looked at so often, in ms. */
const addressesEvery = 30_000

/** Lives until aborted. Resolves when all is stopped and kept. */
export async function startSupervisor(
  settings: Settings,
  engine: Engine,
  signal: AbortSignal,
): Promise<void> {
  const config = await ConfigFile.open(settings.boot, settings.state)
  const host = await readHostFacts(settings, config.get())
  await ensureIdentity(config)

  // What runs does not wait for the platform: known services are looked after from the first moment, and a device
  // that was never registered has none.
  const platform = platformOf(config, settings)
  if (platform !== null && !(await register(config, platform, host, signal))) return
  const { uuid, key } = await ensureIdentity(config)
  const own = platformOf(config, settings)
  const stream = new LogStream(own, uuid)
  const device: Device = {
    uuid,
    key,
    settings,
    engine,
    config,
    host,
    platform: own,
    say: (message, options) => stream.say(message, options),
  }
  const port = settings.port ?? (Number(config.get().listenPort) || 48_484)
  device.say(`Supervisor starting: version ${version}`)

  const memory = await Memory.open(settings.state)
  const reporter = new Reporter(device)
  const read = (id: string, options: LogOptions) => containerLogs(engine, id, options)
  const logs = await Logs.open(read, stream, settings.state)
  const metrics = new MetricsReader(settings.data)
  let told: Metrics = await metrics.read()
  reporter.update({ ...(await identityOf(device, port)), ...told })

  const relay = own === null ? null : await Relay.open(device, own)
  const loop = new Loop({ device, memory, reporter, logs, relay, longestPause: () => watch.interval })
  const watch = new Watch(device, {
    target: (target) => loop.follow(target),
    async metrics() {
      const now = await metrics.read()
      const moved = movedMetrics(told, now)
      if (moved === undefined) return undefined
      told = { ...told, ...moved }
      reporter.acknowledge(moved)
      return { ...moved }
    },
  })
  await watch.restore()
  const health = await serveHealth(settings.host, port, {
    trouble() {
      if (!loop.isAlive(longestRound)) return 'rounds do not end'
      if (own !== null && Date.now() - watch.lastSuccess > 2 * watch.interval)
        return 'the platform is not reached'
      return null
    },
  })

  const heard = {
    look: () => loop.wake(),
    exited(app: string, service: string, exitCode: number) {
      if (loop.isDoing(app, service)) return
      device.say(`Service exited '${service}' with code ${exitCode}`, { error: exitCode !== 0 })
    },
  }
  const sending = new AbortController()
  const sent = stream.run(sending.signal)
  await Promise.all([
    loop.run(signal),
    watch.run(signal),
    reporter.run(signal),
    tellInitialConfig(device, signal),
    listen(engine, settings.namespace, heard, signal),
    tellAddresses(reporter, signal),
  ])
  log.info('stopping; services go on')
  // Readers first, then what they read is sent and noted.
  sending.abort()
  await sent
  await logs.close()
  await health.stop()
  await relay?.close()
  own?.close()
}

function platformOf(config: ConfigFile, { authorities }: Settings): Platform | null {
  const { apiEndpoint, deviceApiKey, balenaRootCA } = config.get()
  return apiEndpoint ? new Platform(apiEndpoint, deviceApiKey ?? '', balenaRootCA, authorities) : null
}

async function identityOf({ host }: Device, port: number) {
  return {
    os_version: host.osVersion,
    os_variant: host.osVariant,
    supervisor_version: version,
    provisioning_progress: null,
    provisioning_state: '',
    mac_address: await macAddresses(),
    ip_address: ipAddresses(),
    api_port: port,
  }
}

async function tellAddresses(reporter: Reporter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(addressesEvery, signal)
    reporter.update({ ip_address: ipAddresses() })
  }
}
