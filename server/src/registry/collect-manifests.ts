// What nothing reaches in the registry's repositories. The repository's row is the lock: whoever pushes holds it (for key
// share), and the collection takes it (for update) before it looks, so that what it sees stays so until it is done.
import type { Context } from '../context.ts'
import type { Query } from '../kit/db/db.ts'

const repositoriesAtOnce = 500 // to look at
const lockedAtOnce = 50

export interface CollectedManifests {
  manifests: number
  repositories: number
}

/**
 * Deletes manifests that nothing reaches and that nobody has mentioned since `before`; and the repositories of images that
 * are gone, once they are empty. Walks all repositories, in pages.
 */
export async function collectManifests(
  ctx: Context,
  before: Date,
  signal?: AbortSignal,
): Promise<CollectedManifests> {
  const collected = { manifests: 0, repositories: 0 }
  for (let last = 0; !signal?.aborted;) {
    const page = await ctx.db.sql<{ id: number }[]>`
      select id from repository where id > ${last} order by id limit ${repositoriesAtOnce}`
    if (page.length === 0) break
    last = page.at(-1)!.id
    const found = await withRubbish(
      ctx,
      page.map(({ id }) => id),
      before,
    )
    for (let at = 0; at < found.length && !signal?.aborted; at += lockedAtOnce) {
      const { manifests, repositories } = await collectIn(ctx, found.slice(at, at + lockedAtOnce), before)
      collected.manifests += manifests
      collected.repositories += repositories
    }
  }
  return collected
}

/** Looks without locks, so that a sweep that finds nothing hinders nobody and writes nothing. */
async function withRubbish(ctx: Context, ids: number[], before: Date): Promise<number[]> {
  const { sql } = ctx.db
  const rows = await sql<{ id: number }[]>`
    with recursive ${reached(sql, ids, before)}
    select m.repository as id from manifest m where ${isUnreached(sql, ids, before)}
    union
    select h.repository from home h where ${isOver(sql, before)}`
  return rows.map(({ id }) => id)
}

function collectIn(ctx: Context, found: number[], before: Date): Promise<CollectedManifests> {
  return ctx.db.transaction(async ({ sql }) => {
    // One that somebody pushes to right now is left for the next time.
    const free = await sql<{ id: number }[]>`
      select id from repository where id = any(${found}) order by id for update skip locked`
    const ids = free.map(({ id }) => id)
    const manifests = await sql`
      with recursive ${reached(sql, ids, before)}
      delete from manifest m where ${isUnreached(sql, ids, before)}`
    const repositories = await sql`
      with recursive ${reached(sql, ids, before)}
      delete from repository r using home h where h.repository = r.id and ${isOver(sql, before)}`
    return { manifests: manifests.count, repositories: repositories.count }
  })
}

/**
 * `home`: each repository with the image that it is of, and whether that is kept: some release has it that has not let its
 * images go, or it was made a moment ago. Repositories that are of no image (the platform's own) are kept always.
 * `reached`: what is tagged or is the image itself in repositories that are kept, and what was mentioned since `before` in
 * all; from there down to the manifests of an index, and on to what names a reached one as its subject.
 */
const reached = (sql: Query, ids: number[], before: Date) => sql`
  home as materialized (
    select r.id as repository, r.created_at, r.name ~ '^v2/[0-9a-f]{32}(-[0-9]+)?$' as of_image, i.content_hash,
      case when r.name !~ '^v2/[0-9a-f]{32}(-[0-9]+)?$' then true
        when exists (select from release_image ri where ri.image = i.id) then exists (
          select from release_image ri join release on release.id = ri.is_part_of__release
          where ri.image = i.id and release.images_let_go_at is null)
        else coalesce(i.created_at >= ${before}, false) end as kept
    from repository r left join image i on i.location = left(r.name, 35)
    where r.id = any(${ids})
  ), reached as (
    select m.repository, m.digest from home h join manifest m on m.repository = h.repository
    where m.touched_at >= ${before} or h.kept and (m.digest = h.content_hash or exists (
      select from manifest_tag t where t.repository = m.repository and t.digest = m.digest))
    union
    select up.repository, next.digest from reached up cross join lateral (
      select mr.digest from manifest m join manifest_reference mr on mr.manifest = m.id and mr.kind = 'manifest'
      where m.repository = up.repository and m.digest = up.digest
      union all
      select m.digest from manifest m where m.repository = up.repository and m.subject = up.digest
    ) next
  )`

/** Of a row `m`. What is reached is told by digest, so that a manifest that is here twice or not at all does no harm. */
const isUnreached = (sql: Query, ids: number[], before: Date) => sql`
  m.repository = any(${ids}) and m.touched_at < ${before}
  and not exists (select from reached where reached.repository = m.repository and reached.digest = m.digest)`

/** Of a row `h` of `home`. */
const isOver = (sql: Query, before: Date) => sql`
  h.of_image and not h.kept and h.created_at < ${before}
  and not exists (select from manifest other where other.repository = h.repository)
  and not exists (select from blob_upload u where u.repository = h.repository)`
