import type { Context } from '../context.ts'

/**
 * The repository behind `<org>/<fleet>[/<which>]`, where `which` is a commit (seven digits or more of it), a version,
 * `latest` (the newest final release), or `current`, `default`, `pinned` or nothing at all (what the fleet runs). Only
 * releases of one service have such a name. Undefined when there is none; says nothing of who may read it.
 */
export async function resolveAlias(ctx: Context, alias: string): Promise<string | undefined> {
  const [, organization, fleet, which = 'current'] =
    /^([a-z0-9._-]+)\/([a-z0-9._-]+)(?:\/([a-z0-9._-]+))?$/.exec(alias) ?? []
  if (!organization || !fleet) return undefined
  const { sql } = ctx.db
  const wanted = ['current', 'default', 'pinned'].includes(which)
    ? sql`r.id = a.should_be_running__release`
    : which === 'latest'
      ? sql`r.revision is not null`
      : /^v?\d+\.\d+\.\d+/.test(which)
        ? sql`r.semver = ${which.replace(/^v/, '')}`
        : /^[0-9a-f]{7,40}$/.test(which)
          ? sql`r.commit like ${which + '%'}`
          : undefined
  if (!wanted) return undefined
  const [row] = await sql<{ location: string }[]>`
    select (
      select min(i.location) from release_image ri join image i on i.id = ri.image
      where ri.is_part_of__release = r.id having count(*) = 1
    ) as location
    from application a join release r on r.belongs_to__application = a.id
    where lower(a.slug) = ${`${organization}/${fleet}`} and r.status = 'success' and not r.is_invalidated and ${wanted}
    order by r.revision is null, r.id desc
    limit 1`
  return row?.location ?? undefined
}
