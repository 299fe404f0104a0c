import type { Project } from '@copal/compose/read-project.ts'
import { guest } from '../auth/actor.ts'
import type { Tx } from '../kit/db/db.ts'
import { addImage, type AddedImage } from '../releases/add-image.ts'
import { beginAgain } from '../releases/begin-again.ts'
import type { Release } from '../releases/queries.ts'
import { insertRelease } from '../releases/start-release.ts'
import { isOurs } from './queue.ts'
import type { Run } from './run.ts'

/**
 * The release with its images, all in one transaction: from here on everybody can see that it is being built. A build that
 * starts again makes its release anew.
 */
export async function beginRelease(
  run: Run,
  project: Project,
): Promise<{ release: Release; images: Map<string, AddedImage> }> {
  const { ctx, wish, build } = run
  return ctx.db.transaction(async (tx) => {
    await isOurs(ctx, tx, build)
    const release =
      run.release === undefined
        ? await firstTime(run, tx, project)
        : await beginAgain(ctx, tx, run.release, {
            composition: project.composition,
            contract: project.contract,
            semver: project.version,
          })
    const images = new Map<string, AddedImage>()
    for (const { name, labels, environment, contract, build: built } of project.services) {
      const image = await addImage(ctx, tx, release, {
        service: name,
        labels,
        environment,
        contract,
        dockerfile: built?.dockerfile.content,
        projectType: built?.dockerfile.kind ?? 'external service',
      })
      images.set(name, image)
    }
    await tx.changed('release', { application: wish.application.id, release: release.id })
    return { release, images }
  })
}

async function firstTime({ ctx, wish, build }: Run, tx: Tx, project: Project): Promise<Release> {
  const release = await insertRelease(ctx, tx, guest, {
    belongs_to__application: wish.application.id,
    is_created_by__user: wish.user?.id ?? null,
    commit: wish.commit,
    composition: project.composition,
    contract: project.contract,
    semver: project.version,
    source: 'cloud',
    is_final: !wish.draft,
  })
  if (wish.sourceCommit && wish.sourceCommit !== wish.commit)
    await tx.sql`insert into release_tag (release, tag_key, value) values (${release.id}, 'source-commit', ${wish.sourceCommit})`
  await tx.sql`update build set release = ${release.id} where id = ${build}`
  return release
}
