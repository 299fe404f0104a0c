import type { Context } from '../context.ts'
import type { Action, Holder } from './tokens.ts'

/**
 * Which actions each of these repositories allows the holder, as rows stand now. Pull: who can read an application that owns
 * a release with the image. Push: who may write the image. Nobody deletes from outside: a release is a promise.
 */
export async function grantsOf(
  ctx: Context,
  holder: Holder,
  names: string[],
): Promise<Map<string, Action[]>> {
  const locations = new Map(names.map((name) => [name, locationOf(name)]))
  const rows = await ctx.db.sql<{ location: string; pull: boolean; push: boolean }[]>`
    with wanted as (
      select id, location, is_a_build_of__service from image where location = any(${[...new Set(locations.values())]})
    ), owner as (
      select w.id, w.location, s.application, true as own
      from wanted w join service s on s.id = w.is_a_build_of__service
      union all
      select w.id, w.location, r.belongs_to__application, false
      from wanted w join release_image ri on ri.image = w.id join release r on r.id = ri.is_part_of__release
    )
    select o.location, bool_or(a.is_public or ${readable(ctx, holder)}) as pull, bool_or(o.own and ${writable(ctx, holder)}) as push
    from owner o join application a on a.id = o.application
    group by o.location`
  const found = new Map(rows.map((row) => [row.location, row]))
  return new Map(
    names.map((name) => {
      const row = found.get(locations.get(name)!)
      const actions: Action[] = []
      if (row?.pull || isBase(name)) actions.push('pull')
      if (row?.push) actions.push('push')
      return [name, actions]
    }),
  )
}

/** Builds keep the cache of a stage as `v2/<hash>-<n>`, which goes by the rights of the image. */
const locationOf = (name: string) => name.replace(/^(v2\/[0-9a-f]{32})-\d+$/, '$1')

/** The platform's base images hold Debian packages only and are for everybody. */
const isBase = (name: string) => name.startsWith('copal/')

function readable({ db: { sql } }: Context, holder: Holder) {
  switch (holder.kind) {
    case 'guest':
      return sql`false`
    case 'user':
      return sql`exists (
        select 1 from organization_membership m
        where m."user" = ${holder.id} and m.is_member_of__organization = a.organization)`
    case 'device':
      // Its own fleet's, and those of releases that were given to it by name: supervisor, host OS, a pin.
      return sql`exists (
        select 1 from device d where d.id = ${holder.id} and (
          d.belongs_to__application = a.id or exists (
            select 1 from release_image ri where ri.image = o.id and ri.is_part_of__release in
              (d.is_pinned_on__release, d.should_be_managed_by__release, d.should_be_operated_by__release, d.is_running__release))))`
  }
}

function writable({ db: { sql } }: Context, holder: Holder) {
  if (holder.kind !== 'user') return sql`false`
  return sql`exists (
    select 1 from organization_membership m
    join organization_membership_role r on r.id = m.organization_membership_role
    where m."user" = ${holder.id} and m.is_member_of__organization = a.organization
      and r.name in ('administrator', 'developer'))`
}
