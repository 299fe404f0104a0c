import { randomBytes } from 'node:crypto'
import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { openCommit } from '../git/pushed-commit.ts'
import type { Fleet } from '../git/repository.ts'
import { conflict, notFound, Problem, unauthorized } from '../problems.ts'
import { startDetached } from './detached.ts'
import { fleetFor } from './fleet-for.ts'
import { readTar, sourceLimits } from './source.ts'

/**
 * Builds the git commit of a release once more, into a release with a commit of its own. It goes on by itself.
 * @param options.draft absent: as the release was
 * @returns the id of the build
 * @throws Problem 401, 403, 404; 409 when the source is not kept here
 */
export async function rebuildRelease(
  ctx: Context,
  asking: Actor,
  id: number,
  options: { nocache: boolean; draft?: boolean | undefined },
): Promise<number> {
  if (asking.kind !== 'user') throw unauthorized()
  const [release] = await ctx.db.sql<{ fleet: Fleet; commit: string; wants_final: boolean }[]>`
    select json_build_object('id', a.id, 'uuid', a.uuid, 'slug', a.slug) as fleet, r.wants_final,
      coalesce((select value from release_tag where release = r.id and tag_key = 'source-commit'), r.commit) as commit
    from release r join application a on a.id = r.belongs_to__application where r.id = ${id}`
  if (!release) throw notFound(`cannot find release ${id}`)
  const { fleet, commit } = release
  const { user } = await fleetFor(ctx, asking, fleet.slug, 'build').catch((error: unknown) => {
    throw error instanceof Problem && error.status === 404 ? notFound(`cannot find release ${id}`) : error
  })
  const isGit = /^[0-9a-f]{40}$/.test(commit)
  await using pushed = isGit ? await openCommit(ctx, fleet, commit) : undefined
  if (!pushed)
    throw conflict(
      `cannot build release ${id} again: its source is not kept, for it was uploaded, or its push failed · push it again`,
      'no_source',
    )
  return startDetached(ctx, {
    application: fleet,
    user,
    source: await readTar(pushed.tree(), sourceLimits(ctx)),
    commit: randomBytes(20).toString('hex'),
    sourceCommit: commit,
    nocache: options.nocache,
    emulated: false,
    draft: options.draft ?? !release.wants_final,
    notes: pushed.notes,
  }).opened
}
