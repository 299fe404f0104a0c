import type { Actor } from '../auth/actor.ts'
import { checkHandle, checkName } from '../accounts/create-organization.ts'
import type { Context } from '../context.ts'

/** Renames an organization, or gives it another handle: the slugs of its fleets follow. */
export async function updateOrganization(
  ctx: Context,
  _: Actor,
  ids: number[],
  changes: { name?: string; handle?: string },
): Promise<void> {
  if (changes.name !== undefined) checkName(changes.name)
  if (changes.handle !== undefined) checkHandle(changes.handle)
  await ctx.db.transaction(async ({ sql }) => {
    await sql`
      update organization set name = coalesce(${changes.name ?? null}, name), handle = coalesce(${changes.handle ?? null}, handle)
      where id = any(${ids})`
    if (changes.handle !== undefined)
      await sql`
        update application a set slug = lower(o.handle || '/' || a.app_name), modified_at = ${ctx.now()}
        from organization o where o.id = a.organization and o.id = any(${ids})`
  })
}
