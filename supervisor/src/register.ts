// How a device becomes known to its platform (device API, "Registration").
import { ensureIdentity, hex32, type ConfigFile } from './config.ts'
import { macAddresses } from './host/addresses.ts'
import type { HostFacts } from './host/facts.ts'
import { log, reasonOf } from './log.ts'
import { jittered, pause } from './pause.ts'
import { Platform, summaryOf } from './platform.ts'
import { isRecord, text } from './wanted.ts'
import { version } from './version.ts'

/**
 * Registers when that was not done yet, however long it takes. Durable when it returns.
 * @returns false when aborted before it was done
 */
export async function register(
  config: ConfigFile,
  platform: Platform,
  host: HostFacts,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    if (isRegistered(config)) return true
    try {
      await tryOnce(config, platform, host, signal)
      continue
    } catch (error) {
      if (signal.aborted) break
      const wait = Number(config.get().bootstrapRetryDelay) || 30_000
      log.warn(`cannot register: ${reasonOf(error)}; again in ${Math.round(wait / 1000)} s`)
      await pause(jittered(wait), signal)
    }
  }
  return false
}

/** The provisioning key is given up once the device has its own place. */
export function isRegistered(config: ConfigFile): boolean {
  const { registered_at: registeredAt, deviceId, apiKey } = config.get()
  return Boolean(registeredAt || deviceId) && !apiKey
}

async function tryOnce(
  config: ConfigFile,
  platform: Platform,
  host: HostFacts,
  signal: AbortSignal,
): Promise<void> {
  const { uuid, key } = await ensureIdentity(config)
  const { apiKey, applicationId, userId } = config.get()
  if (!apiKey) throw new Error('config.json has no apiKey to register with')
  const answer = await platform.ask('POST', '/device/register', {
    key: apiKey,
    signal,
    body: {
      ...(userId === undefined ? {} : { user: userId }),
      application: applicationId,
      device_type: host.deviceType,
      uuid,
      api_key: key,
      supervisor_version: version,
      os_version: host.osVersion,
      os_variant: host.osVariant,
      mac_address: await macAddresses(),
    },
  })
  if (answer.status === 201) {
    const made: unknown = JSON.parse(answer.text)
    const { id, api_key: given } = isRecord(made) ? made : {}
    return finish(config, Number(id), text(given) || key)
  }
  if (answer.status !== 409) throw new Error(`the platform answered ${summaryOf(answer)}`)
  const id = await exchangeKeys(platform, uuid, key, apiKey, signal)
  if (id !== undefined) return finish(config, id, key)
  // Somebody else has our uuid, and it is not a device that this key may speak for.
  log.warn(`uuid ${uuid} is taken; this device gets another one`)
  await config.change({ uuid: hex32(), deviceApiKey: hex32() })
  throw new Error('the uuid was taken')
}

async function finish(config: ConfigFile, deviceId: number, deviceApiKey: string): Promise<void> {
  await config.change({ deviceId, deviceApiKey, registered_at: Date.now(), apiKey: undefined })
}

/** The platform knows our uuid: either our key already, or it takes it from the provisioning key. Gives the device's id. */
async function exchangeKeys(
  platform: Platform,
  uuid: string,
  key: string,
  provisioningKey: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const query = `/v7/device?$select=id&$filter=${encodeURIComponent(`uuid eq '${uuid}'`)}`
  const find = async (as: string) => {
    const { status, text: body } = await platform.ask('GET', query, { key: as, signal })
    const found: unknown = status === 200 ? JSON.parse(body) : undefined
    const [row] = isRecord(found) && Array.isArray(found['d']) ? (found['d'] as unknown[]) : []
    return isRecord(row) ? Number(row['id']) : undefined
  }
  const own = await find(key)
  if (own !== undefined) return own
  const id = await find(provisioningKey)
  if (id === undefined) return undefined
  const path = `/api-key/device/${id}/device-key`
  const answer = await platform.ask('POST', path, { key: provisioningKey, body: { apiKey: key }, signal })
  if (answer.status !== 200) throw new Error(`the key exchange was answered ${summaryOf(answer)}`)
  return id
}
