// Builds that no pusher's connection carries: their source is kept as a blob until they have ended, so that another copy of
// the server can start them again when theirs has died.
import { z } from 'zod'
import type { Context } from '../context.ts'
import { buildRelease, runBuild, type BuildWish } from './build-release.ts'
import { silent } from './output.ts'
import { interruptBuild } from './interrupt-build.ts'
import { keepSource, openSource } from './kept-source.ts'
import type { ProjectSource } from './source.ts'
import type { DeadBuild } from './take-over.ts'

/** As much of a wish as outlives the process that had it. */
const keptWish = z.object({
  sourceCommit: z.string().optional(),
  nocache: z.boolean(),
  emulated: z.boolean(),
  draft: z.boolean(),
  dockerfilePath: z.string().optional(),
  notes: z.array(z.string()).optional(),
})
type KeptWish = z.infer<typeof keptWish>

const lost = 'the platform stopped while it was built, and its source is lost · push again'

export interface DetachedWish extends KeptWish {
  application: { id: number }
  user: BuildWish['user']
  commit: string
  /** Disposed of when the build has ended. */
  source: ProjectSource
}

export interface DetachedBuild {
  /** When it has a row: everybody can see it, and it no longer needs its source from us. */
  opened: Promise<number>
  /** When its release has a row. */
  release: Promise<number>
}

/** Starts a build that goes on by itself. Both promises reject with the Problem that ended it before. */
export function startDetached(ctx: Context, { source, ...asked }: DetachedWish): DetachedBuild {
  const opened = Promise.withResolvers<number>()
  const release = Promise.withResolvers<number>()
  async function build(): Promise<void> {
    await using _ = source
    const kept = { ...(await keepSource(ctx, source)), wish: keptWish.parse(asked) }
    await buildRelease(ctx, {
      ...asked,
      source,
      output: { ...silent, release: release.resolve },
      signal: new AbortController().signal,
      kept,
      opened: opened.resolve,
    })
  }
  for (const { promise } of [opened, release]) promise.catch(() => {}) // whoever asks is told
  build().catch((error: unknown) => {
    opened.reject(error)
    release.reject(error)
  })
  return { opened: opened.promise, release: release.promise }
}

/** Builds what a copy that died had begun. Never rejects: what comes of it stands in its rows. */
export async function buildAgain(ctx: Context, dead: DeadBuild): Promise<void> {
  const { id, application, user, commit, wish } = dead
  try {
    await using source = await openSource(ctx, dead)
    const asked = {
      ...keptWish.parse(wish),
      application: { id: application },
      user: user ?? undefined,
      commit,
    }
    const signal = new AbortController().signal
    await runBuild(ctx, id, { ...asked, source, output: silent, signal, kept: dead }, dead).catch(() => {})
  } catch (error) {
    ctx.log.error({ err: error }, `build ${id} could not be started again`)
    await interruptBuild(ctx, id, lost).catch(() => {}) // then the next copy tries
  }
}
