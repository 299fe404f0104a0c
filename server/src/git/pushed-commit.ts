import type { Readable } from 'node:stream'
import type { Context } from '../context.ts'
import { runGit } from './program.ts'
import { openRepository, type Fleet } from './repository.ts'
import { notesOn } from './take-push.ts'
import { submodulesOf, treeOf } from './tree.ts'

/** A commit that was pushed to a fleet's remote. Dispose of it when its tree has been read. */
export interface PushedCommit extends AsyncDisposable {
  tree(): Readable
  /** Submodules that it names and does not hold. */
  notes: string[]
}

/** @param commit 40 hex digits. @returns undefined when it was never pushed there */
export async function openCommit(
  ctx: Context,
  fleet: Fleet,
  commit: string,
): Promise<PushedCommit | undefined> {
  await using opening = new AsyncDisposableStack()
  const { folder } = opening.use(await openRepository(ctx, fleet))
  const isThere = await runGit(folder, ['cat-file', '-e', `${commit}^{commit}`]).then(
    () => true,
    () => false,
  )
  if (!isThere) return undefined
  const notes = notesOn(await submodulesOf(folder, commit))
  const open = opening.move()
  return { tree: () => treeOf(folder, commit), notes, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
