import type { Readable } from 'node:stream'
import type { User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import type { Fleet } from './repository.ts'

/** A push that is to be built: what the builder is given. */
export interface Push {
  application: Fleet
  user: User
  /** `main`, `master`, or a door such as `balena-nocache`. */
  branch: string
  /** For the release: the git commit, or a fresh one where that commit has a successful release already. */
  commit: string
  /** The git commit, 40 hex digits. */
  sourceCommit: string
  nocache: boolean
  emulated: boolean
  /** The source tree as a tar stream, as often as it is asked for. Fails, rather than ends, when it cannot be read. */
  tree(): Readable
  /** What the pusher was told before the build, for the log that stays with the release: submodules that are missing. */
  notes: string[]
  /** A line for the pusher's terminal, without newline; passed on at once. */
  say(line: string): void
  /** Aborted when the pusher is gone. */
  signal: AbortSignal
  /** To be called in the transaction that makes the release: moves the branch. Throws when that cannot be any more. */
  also(tx: Tx): Promise<void>
}

/** Builds a push to its end; rejects with a Problem whose sentence is for the pusher. */
export type BuildPush = (ctx: Context, push: Push) => Promise<unknown>
