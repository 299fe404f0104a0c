import type { Engine } from '@copal/engine/engine.ts'
import { listImages, pruneImages, removeImage } from '@copal/engine/images.ts'
import type { Context } from '../context.ts'

const releasesKept = 2 // of each fleet: their layers need not be sent again

/**
 * Takes the names of old images away from an organization's builder. Layer cache is bounded by the engine itself; an image
 * with a name would stay for ever. Nothing may build in it meanwhile.
 */
export async function tidyBuilder(ctx: Context, organization: number, engine: Engine): Promise<void> {
  const wanted = await ctx.db.sql<{ location: string }[]>`
    select i.location from application a
    join lateral (
      select id from release where belongs_to__application = a.id and status = 'success' order by id desc limit ${releasesKept}
    ) r on true
    join release_image ri on ri.is_part_of__release = r.id join image i on i.id = ri.image
    where a.organization = ${organization}`
  const locations = new Set(wanted.map(({ location }) => location))
  for (const { RepoTags } of await listImages(engine)) {
    for (const name of RepoTags ?? []) {
      const location = /\/(v2\/[0-9a-f]{32}):latest$/.exec(name)?.[1]
      if (location && !locations.has(location)) await removeImage(engine, name)
    }
  }
  await pruneImages(engine, { dangling: ['true'] })
}
