import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'

/** Makes an image part of a release of the same fleet. */
export async function createReleaseImage(
  ctx: Context,
  _: Actor,
  { image, is_part_of__release: release }: { image: number; is_part_of__release: number },
): Promise<{ id: number }> {
  const [made] = await ctx.db.sql<{ id: number }[]>`
    insert into release_image (image, is_part_of__release, created_at)
    select i.id, r.id, ${ctx.now()} from image i join service s on s.id = i.is_a_build_of__service
    join release r on r.belongs_to__application = s.application
    where i.id = ${image} and r.id = ${release}
    returning id`
  if (!made)
    throw badRequest(`cannot make image ${image} part of release ${release}: they are of different fleets`)
  return made
}

export async function removeReleaseImages(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.sql`delete from release_image where id = any(${ids})`
}
