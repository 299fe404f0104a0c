import type { Actor } from '../auth/actor.ts'
import { mustMay } from '../auth/can.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest } from '../problems.ts'

/** Adds a user, by id or user name, to an organization; as developer unless a role is given. */
export async function createMembership(
  ctx: Context,
  asking: Actor,
  wish: {
    is_member_of__organization: number
    user?: number
    username?: string
    organization_membership_role?: number
  },
): Promise<{ id: number }> {
  const organization = wish.is_member_of__organization
  if (wish.user === undefined && wish.username === undefined)
    throw badRequest('cannot add a member: user or username is missing')
  return ctx.db.transaction(async ({ sql }) => {
    await mustMay(sql, asking, 'manage', { organization }, 'add a member')
    const [user] = await sql<{ id: number }[]>`
      select id from "user" where ${wish.user === undefined ? sql`username = ${wish.username!}` : sql`id = ${wish.user}`}`
    if (!user) throw badRequest(`cannot add ${wish.username ?? wish.user}: there is no such user`)
    const [made] = await sql<{ id: number }[]>`
      insert into organization_membership ("user", is_member_of__organization, organization_membership_role, created_at)
      select ${user.id}, ${organization}, id, ${ctx.now()} from organization_membership_role
      where ${wish.organization_membership_role === undefined ? sql`name = 'developer'` : sql`id = ${wish.organization_membership_role}`}
      returning id`
    return made!
  })
}

/** Gives members another role. */
export async function changeMemberships(
  ctx: Context,
  _: Actor,
  ids: number[],
  changes: { organization_membership_role?: number },
): Promise<void> {
  const role = changes.organization_membership_role
  if (role === undefined) return
  await ctx.db.transaction(async (tx) => {
    const organizations = await lockOrganizations(tx, ids)
    await tx.sql`update organization_membership set organization_membership_role = ${role} where id = any(${ids})`
    await keepAdministrators(tx, organizations)
    await tx.changed('credentials', { memberships: ids.length })
  })
}

/** Takes members out of their organizations; anybody may leave. */
export async function removeMemberships(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const organizations = await lockOrganizations(tx, ids)
    await tx.sql`delete from organization_membership where id = any(${ids})`
    await keepAdministrators(tx, organizations)
    await tx.changed('credentials', { memberships: ids.length })
  })
}

/** So that two administrators who leave at the same moment don't both see the other one still there. */
async function lockOrganizations({ sql }: Tx, memberships: number[]): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select id from organization
    where id in (select is_member_of__organization from organization_membership where id = any(${memberships}))
    order by id for update`
  return rows.map(({ id }) => id)
}

async function keepAdministrators({ sql }: Tx, organizations: number[]): Promise<void> {
  const [orphan] = await sql<{ handle: string }[]>`
    select o.handle from organization o where o.id = any(${organizations}) and not exists (
      select 1 from organization_membership m join organization_membership_role r on r.id = m.organization_membership_role
      where m.is_member_of__organization = o.id and r.name = 'administrator')`
  if (orphan)
    throw badRequest(
      `cannot leave ${orphan.handle} without an administrator · give somebody else the role first`,
    )
}
