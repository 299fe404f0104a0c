import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { unauthorized } from '../problems.ts'
import { changes } from './changes.ts'

/**
 * Removes devices with all that is theirs. The key stays behind without an owner: it opens nothing any more, but its holder
 * is answered "unchanged" when it asks for a target, so that a removed device goes on running what it runs.
 */
export async function removeDevices(ctx: Context, asking: Actor, ids: number[]): Promise<void> {
  if (ids.length === 0) return
  await ctx.db.transaction(async (tx) => {
    const mine = await tx.sql<{ id: number }[]>`
      select d.id from device d
      join application a on a.id = d.belongs_to__application
      join organization_membership m on m.is_member_of__organization = a.organization
      join organization_membership_role r on r.id = m.organization_membership_role
      where d.id = any(${ids}) and m."user" = ${asking.kind === 'user' ? asking.id : null} and r.name <> 'observer'
      order by d.id for update of d`
    const found = new Set(mine.map(({ id }) => id))
    const strange = ids.find((id) => !found.has(id))
    if (strange !== undefined) throw unauthorized(`cannot remove device ${strange}: it is not yours`)
    await tx.sql`delete from device where id = any(${ids})`
    await tx.sql`delete from device_log where device = any(${ids})`
    await tx.changed('credentials', { devices: ids.length })
    for (const id of ids.slice(0, 1000)) await tx.changed('target', { device: id })
  })
  for (const id of ids) changes(ctx).mark(id, 'state')
}
