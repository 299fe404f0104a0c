import { randomBytes } from 'node:crypto'
import type { Context } from '../context.ts'
import { hashPassword } from '../auth/passwords.ts'
import { uniqueViolation } from '../kit/db/db.ts'
import { badRequest, conflict } from '../problems.ts'
import { checkHandle } from './create-organization.ts'

/** A user with an organization of the same name, which clients count on (`copal fleet create` without `--organization`). */
export async function createUser(
  ctx: Context,
  user: { username: string; email: string; password: string },
): Promise<{ id: number }> {
  if (!/^[a-z0-9_]{1,73}$/.test(user.username))
    throw badRequest(
      `cannot name a user ${JSON.stringify(user.username)} · use lower-case letters, digits and underscores`,
    )
  checkHandle(user.username) // the organization of the same name
  const passwordHash = await hashPassword(user.password)
  try {
    return await ctx.db.transaction(async ({ sql }) => {
      const [made] = await sql<{ id: number }[]>`
        with a as (insert into actor default values returning id)
        insert into "user" (actor, username, email, password_hash, jwt_secret, created_at)
        select a.id, ${user.username}, ${user.email}, ${passwordHash}, ${randomBytes(24).toString('base64url')}, ${ctx.now()} from a
        returning id`
      await sql`
        with o as (insert into organization (name, handle, created_at) values (${user.username}, ${user.username}, ${ctx.now()}) returning id)
        insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
        select ${made!.id}, o.id, r.id from o, organization_membership_role r where r.name = 'administrator'`
      return made!
    })
  } catch (error) {
    if (uniqueViolation(error))
      throw conflict(`cannot create user ${user.username}: the name or the e-mail is taken`)
    throw error
  }
}
