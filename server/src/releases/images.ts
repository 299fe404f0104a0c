import { randomBytes } from 'node:crypto'
import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'

export interface ImageChanges {
  status?: string
  end_timestamp?: Date | null
  push_timestamp?: Date | null
  content_hash?: string | null
  /** Bytes. */
  image_size?: string | null
  dockerfile?: string | null
  build_log?: string | null
  error_message?: string | null
  project_type?: string | null
  contract?: unknown
}

/** An image that a client builds itself, with the place that it is to be pushed to. */
export async function createImage(
  ctx: Context,
  _: Actor,
  wish: ImageChanges & { is_a_build_of__service: number; start_timestamp: Date },
): Promise<{ id: number }> {
  checkImage(wish)
  const { sql } = ctx.db
  const row = {
    ...wish,
    ...(wish.contract !== undefined && {
      contract: wish.contract === null ? null : sql.json(wish.contract as never),
    }),
    status: wish.status ?? 'running',
    location: `v2/${randomBytes(16).toString('hex')}`,
    created_at: ctx.now(),
  }
  const [made] = await sql<{ id: number }[]>`insert into image ${sql(row as never)} returning id`
  return made!
}

/** What a client says of an image while it builds and pushes it. */
export async function updateImages(
  ctx: Context,
  _: Actor,
  ids: number[],
  changes: ImageChanges,
): Promise<void> {
  if (Object.keys(changes).length === 0) return
  checkImage(changes)
  const { sql } = ctx.db
  const row = {
    ...changes,
    ...(changes.contract != null && { contract: sql.json(changes.contract as never) }),
  }
  await sql`update image set ${sql(row as never)} where id = any(${ids})`
}

export async function removeImages(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.sql`delete from image where id = any(${ids})`
}

function checkImage(image: ImageChanges): void {
  const most = { build_log: 1_500_000, error_message: 300_000 }
  for (const [name, longest] of Object.entries(most))
    if ((image[name as keyof typeof most]?.length ?? 0) > longest)
      throw badRequest(`cannot use ${name}: it has more than ${longest} characters`)
}
