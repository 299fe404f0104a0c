// config.json on the boot partition: who this device is and where its platform lives.
//
// People edit it by hand, and it lies on FAT. So: it is replaced whole; what can't be read is kept aside and never
// written over; and a second copy of the last good one lies on the state partition, so that a typing error does not
// cost the device its identity.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, writeWhole } from './files.ts'
import { log } from './log.ts'

/** The keys that we use; all others are kept as they are. */
export interface Config {
  uuid?: string
  /** Provisioning key; gone once registered. */
  apiKey?: string
  deviceApiKey?: string
  deviceId?: number
  registered_at?: number
  apiEndpoint?: string
  applicationId?: number | string
  userId?: number
  deviceType?: string
  /** PEM, base64-encoded: the authority behind the platform's certificate. */
  balenaRootCA?: string
  logsEndpoint?: string
  appUpdatePollInterval?: number | string
  listenPort?: number | string
  bootstrapRetryDelay?: number | string
  developmentMode?: boolean
  initialDeviceName?: string
  [key: string]: unknown
}

export class ConfigFile {
  readonly #path: string
  readonly #copy: string
  /** False when config.json holds something that we could not read: then only the copy is written. */
  #ours = true
  #config: Config = {}

  private constructor(boot: string, state: string) {
    this.#path = join(boot, 'config.json')
    this.#copy = join(state, 'config.json')
  }

  /**
   * Reads config.json, or the second copy when it is missing or not valid JSON.
   * @throws Error when there is neither
   */
  static async open(boot: string, state: string): Promise<ConfigFile> {
    const file = new ConfigFile(boot, state)
    await file.#read()
    return file
  }

  get(): Readonly<Config> {
    return this.#config
  }

  /** Changes keys; `undefined` takes a key away. Durable when it returns. */
  async change(changes: Partial<Config>): Promise<void> {
    const next = { ...this.#config, ...changes }
    for (const [key, value] of Object.entries(next)) if (value === undefined) delete next[key]
    const text = `${JSON.stringify(next, null, 2)}\n`
    // The copy first: when power goes between the two, the older config.json wins and registration is asked again.
    await writeWhole(this.#copy, text)
    if (this.#ours) await writeWhole(this.#path, text)
    this.#config = next
  }

  async #read(): Promise<void> {
    const text = await readIfThere(this.#path)
    const config = parse(text)
    if (config !== undefined) {
      this.#config = config
      await writeWhole(this.#copy, text ?? '')
      return
    }
    const copy = parse(await readIfThere(this.#copy))
    if (copy === undefined) {
      const why = text === undefined ? 'there is none' : 'it is not valid JSON'
      throw new Error(`cannot read ${this.#path}: ${why} · write it anew, as the fleet's page gives it`)
    }
    this.#config = copy
    if (text === undefined) {
      log.warn(`${this.#path} was missing and is written again from its second copy`)
      await writeWhole(this.#path, `${JSON.stringify(copy, null, 2)}\n`)
    } else {
      this.#ours = false
      await writeWhole(`${this.#path}.unreadable`, text)
      log.error(`${this.#path} is not valid JSON and is left alone; the last good one is used instead`)
    }
  }
}

/** Makes up who we are, where nothing says it: 32 hex digits each, kept before they are used anywhere. */
export async function ensureIdentity(file: ConfigFile): Promise<{ uuid: string; key: string }> {
  const { uuid, deviceApiKey } = file.get()
  if (uuid && deviceApiKey) return { uuid, key: deviceApiKey }
  const made = { uuid: uuid || hex32(), deviceApiKey: deviceApiKey || hex32() }
  await file.change(made)
  return { uuid: made.uuid, key: made.deviceApiKey }
}

export function hex32(): string {
  return randomBytes(16).toString('hex')
}

function parse(text: string | undefined): Config | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Config)
      : undefined
  } catch {
    return undefined
  }
}
