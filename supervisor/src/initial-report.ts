// A new device tells its platform once how it is set and what it is called (device API, "Initial config report"), so that the target,
// from then on the only word on it, begins with what is.
//
// Every step may be done twice: what exists already, from an earlier try or by a person's hand, is as good as made, and stays as it is.
// After a failure we go on with the step that was not answered.
import { join } from 'node:path'
import type { Device } from './device.ts'
import { readJson, writeWhole } from './files.ts'
import { initialConfig } from './host/initial-config.ts'
import { log, reasonOf } from './log.ts'
import { jittered, pause } from './pause.ts'
import { summaryOf, type Answer, type Platform } from './platform.ts'
import { checkTarget } from './target.ts'
import { isRecord } from './wanted.ts'

/** Done once for each platform; returns when it is, or when aborted. Nothing else waits for it. */
export async function tellInitialConfig(device: Device, signal: AbortSignal): Promise<void> {
  const { platform, config, settings } = device
  if (platform === null) return
  const path = join(settings.state, 'initial-report.json')
  const kept = await readJson(path)
  if (isRecord(kept) && kept['endpoint'] === platform.endpoint) return
  const answered = new Set<string>()
  while (!signal.aborted) {
    try {
      await tell(device, platform, answered, signal)
      return await writeWhole(path, JSON.stringify({ endpoint: platform.endpoint }))
    } catch (error) {
      if (signal.aborted) return
      const wait = Number(config.get().bootstrapRetryDelay) || 30_000
      log.warn(
        `cannot tell how this device is set: ${reasonOf(error)}; again in ${Math.round(wait / 1000)} s`,
      )
      await pause(jittered(wait), signal)
    }
  }
}

/** @param answered names of the steps that are done, added to as they are */
async function tell(
  { uuid, config }: Device,
  platform: Platform,
  answered: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { deviceId, initialDeviceName } = config.get()
  const step = async (name: string, method: string, path: string, body: object) => {
    if (answered.has(name)) return
    const answer = await platform.ask(method, path, { body, signal })
    if (!isSettled(answer)) throw new Error(`${name}: the platform answered ${summaryOf(answer)}`)
    if (answer.status >= 400) log.warn(`${name}: the platform answered ${summaryOf(answer)}`)
    answered.add(name)
  }
  const current = Object.entries(initialConfig(config.get()))
  if (current.length > 0) {
    const target = await targetNames(platform, uuid, signal)
    for (const [name, value] of current.filter(([name]) => !target.has(name)))
      await step(name, 'POST', '/v7/device_config_variable', {
        device: Number(deviceId),
        name: `RESIN_${name}`,
        value,
      })
  }
  if (initialDeviceName)
    await step('name', 'PATCH', `/v7/device(${Number(deviceId)})`, { device_name: initialDeviceName })
}

/** Made, there already (409), or refused as it is (400): asking again would change nothing. */
function isSettled({ status }: Answer): boolean {
  return (status >= 200 && status <= 299) || status === 409 || status === 400
}

/** Names, without prefix, of what the target sets. */
async function targetNames(
  platform: Platform,
  uuid: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const answer = await platform.ask('GET', `/device/v3/${uuid}/state`, { signal })
  if (answer.status !== 200) throw new Error(`the platform answered ${summaryOf(answer)}`)
  const { config } = checkTarget(JSON.parse(answer.text), uuid)
  return new Set(Object.keys(config).map((name) => name.replace(/^(?:BALENA|RESIN)_/, '')))
}
