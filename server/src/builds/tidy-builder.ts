import type { Engine } from '@copal/engine/engine.ts'
import { listImages, pruneImages, removeImage } from '@copal/engine/images.ts'
import type { Context } from '../context.ts'

const releasesKept = 2 // of each fleet: their layers need not be sent again

/**
 * Takes the names of old images away from an organization's builder. Layer cache is bounded by the engine itself; an image
 * with a name would stay for ever. A build may go on meanwhile: what it needs is held.
 */
export async function tidyBuilder(ctx: Context, organization: number, engine: Engine): Promise<void> {
  // First what is there, then what is wanted: an image that a build names in between is not in the list.
  const names = (await listImages(engine)).flatMap(({ RepoTags }) => RepoTags ?? [])
  const wanted = await wantedLocations(ctx, organization)
  for (const name of names) {
    const location = /\/(v2\/[0-9a-f]{32}):latest$/.exec(name)?.[1]
    if (location && !wanted.has(location)) await removeImage(engine, name)
  }
  await pruneImages(engine, { dangling: ['true'] })
}

/** Of the newest successful releases of each fleet, and of all that are being made. */
async function wantedLocations(ctx: Context, organization: number): Promise<Set<string>> {
  const rows = await ctx.db.sql<{ location: string }[]>`
    select i.location from application a
    join lateral (
      (select id from release where belongs_to__application = a.id and status = 'success' order by id desc limit ${releasesKept})
      union all
      (select id from release where belongs_to__application = a.id and status = 'running')
    ) r on true
    join release_image ri on ri.is_part_of__release = r.id join image i on i.id = ri.image
    where a.organization = ${organization}`
  return new Set(rows.map(({ location }) => location))
}
