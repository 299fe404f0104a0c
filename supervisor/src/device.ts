// This device: what every part of the supervisor needs to know of it.
import type { Engine } from '@copal/engine/engine.ts'
import type { ConfigFile } from './config.ts'
import type { HostFacts } from './host/facts.ts'
import type { Platform } from './platform.ts'
import type { Settings } from './settings.ts'

export interface Device {
  uuid: string
  key: string
  settings: Settings
  engine: Engine
  config: ConfigFile
  host: HostFacts
  /** Null without an `apiEndpoint`: nobody to ask and nobody to tell. */
  platform: Platform | null
  /** A line of the supervisor's own for the device's log, which people read. */
  say(message: string, options?: { error?: boolean }): void
}
