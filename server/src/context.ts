import type { Config } from './config.ts'
import type { Blobs } from './kit/blobs/blobs.ts'
import type { Db } from './kit/db/db.ts'
import type { Events } from './kit/events.ts'
import type { Seal } from './kit/seal.ts'
import type { Logger } from './log.ts'
import type { Keys } from './auth/keys.ts'

/** What every verb is given first. It holds nothing that another copy of the server would need. */
export interface Context {
  config: Config
  log: Logger
  db: Db
  blobs: Blobs
  events: Events
  seal: Seal
  /** Signing keys and the CA. */
  keys: Keys
  /** This copy of the server, a row in `copy` whose lease it keeps alive. */
  copy: string
  /** The clock; tests set it. */
  now(): Date
}
