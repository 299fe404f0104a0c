import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import type { Release } from '../releases/queries.ts'
import type { BuildLog } from './build-log.ts'
import type { BuildOutput } from './output.ts'
import type { Watch } from './phases.ts'
import type { KeptBuild } from './queue.ts'
import type { ProjectSource } from './source.ts'
import type { Stop } from './stop-reasons.ts'

export interface BuildWish {
  application: { id: number }
  user: { id: number } | undefined
  /** Stays the caller's: dispose of it afterwards. */
  source: ProjectSource
  /** The release's: a git commit, or 32 hex digits. */
  commit: string
  /** The git commit, where the release has another because that one was built before. Becomes a tag. */
  sourceCommit?: string | undefined
  nocache: boolean
  emulated: boolean
  draft: boolean
  dockerfilePath?: string | undefined
  /** What the pusher was told before, for the log: submodules that are missing. */
  notes?: string[] | undefined
  output: BuildOutput
  /** Aborted when the pusher is gone. */
  signal: AbortSignal
  /** Of a build that starts again elsewhere when this copy dies. */
  kept?: KeptBuild | undefined
  /** Hears the build's number as soon as it has a row. */
  opened?: ((build: number) => void) | undefined
  /** Runs in the transaction that finishes the release. */
  also?: ((tx: Tx, release: Release) => Promise<void>) | undefined
}

/** A build that runs on this copy. */
export interface Run {
  ctx: Context
  wish: BuildWish
  build: number
  log: BuildLog
  watch: Watch
  stop: Stop
  signal: AbortSignal
  /** The id of its release, as soon as there is one. */
  release?: number
}
