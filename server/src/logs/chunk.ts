// Lines of a device on their way into the table, and out of it.
import type { SentLine } from '@copal/wire/log-line.ts'

/** As it lies in `device_log`; `id` tells the order of arrival. */
export interface Row {
  id: number
  created_at: Date
  timestamp: number
  is_system: boolean
  is_stderr: boolean
  service: number | null
  message: string
}

/** A stream that a device sends after it has asked what we have of its logs. */
export interface Claimed {
  claim: string
  /** One of its chunks was not stored, or another stream has taken over: no later one is stored. */
  broken: boolean
}

export interface Chunk {
  device: number
  lines: SentLine[]
  claimed?: Claimed | undefined
  /** How far each source has come with these lines; of claimed streams. */
  places?: ReadonlyMap<string, string>
}

/** As it waits to be written. */
export interface Waiting extends Chunk {
  at: Date
}
