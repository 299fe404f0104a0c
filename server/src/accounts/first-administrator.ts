import { randomInt } from 'node:crypto'
import type { Context } from '../context.ts'
import { signSession } from '../auth/session.ts'
import { reserved } from './create-organization.ts'
import { createUser } from './create-user.ts'

/**
 * Makes the first user of a fresh database, once, whichever copy comes first. Returns how to log in the first time;
 * undefined when there are users.
 */
export async function firstAdministrator(
  ctx: Context,
): Promise<{ email: string; password: string } | undefined> {
  return ctx.db.holding('copal first administrator', async () => {
    const [some] = await ctx.db.sql`select 1 from "user" limit 1`
    if (some) return undefined
    const { email } = ctx.config.admin
    const password = ctx.config.admin.password ?? readablePassword()
    const username = email
      .split('@')[0]!
      .toLowerCase()
      .replace(/[^a-z0-9_]/g, '_')
      .slice(0, 73)
    await createUser(ctx, { username: reserved.has(username) ? 'admin' : username, email, password })
    return { email, password }
  })
}

/** The oldest user, with a session: whoever started the process owns its database anyway. */
export async function firstUser(ctx: Context): Promise<{ user: string; token: string }> {
  const [user] = await ctx.db.sql<{ id: number; username: string; jwt_secret: string }[]>`
    select id, username, jwt_secret from "user" order by id limit 1`
  if (!user) throw new Error('cannot find any user in the database')
  return { user: user.username, token: await signSession(ctx, user, ctx.now().getTime()) }
}

/** Four groups of four letters that are easy to type: 72 bits. */
function readablePassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz' // without i, l, o
  const group = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join('')
  return Array.from({ length: 4 }, group).join('-')
}
