import type { Context } from '../context.ts'
import type { Push } from '../git/receive.ts'
import { buildRelease } from './build-release.ts'
import { readTar, sourceLimits } from './source.ts'

/** A git push becomes a release; what is built is the tree of its commit. */
export async function buildPush(ctx: Context, push: Push): Promise<void> {
  await using source = await readTar(push.tree(), sourceLimits(ctx))
  await buildRelease(ctx, {
    application: push.application,
    user: push.user,
    source,
    commit: push.commit,
    sourceCommit: push.sourceCommit,
    nocache: push.nocache,
    emulated: push.emulated,
    draft: false,
    notes: push.notes,
    // A pusher's terminal has lines only: progress is left out.
    output: { line: push.say, progress() {}, release() {} },
    signal: push.signal,
    also: (tx) => push.also(tx),
  })
}
