// What a device is set to before its platform says anything: people edit config.json, and host files such as config.txt.
import type { Config } from '../config.ts'

/** Names without prefix, in the wire's words, of what differs from the default. */
export function initialConfig(config: Readonly<Config>): Record<string, string> {
  const interval = Number(config.appUpdatePollInterval)
  return {
    ...(interval > 0 && interval !== 900_000 ? { SUPERVISOR_POLL_INTERVAL: String(interval) } : {}),
    ...(config['persistentLogging'] === true ? { SUPERVISOR_PERSISTENT_LOGGING: 'true' } : {}),
  }
}
