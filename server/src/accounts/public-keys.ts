import type { Actor, Device } from '../auth/actor.ts'
import { may } from '../auth/can.ts'
import type { Context } from '../context.ts'
import { badRequest, unauthorized } from '../problems.ts'

/** An SSH public key of one's own, as `id_ed25519.pub` holds it. */
export async function createPublicKey(
  ctx: Context,
  asking: Actor,
  wish: { user?: number; title: string; public_key: string },
): Promise<{ id: number }> {
  if (asking.kind !== 'user' || (wish.user !== undefined && wish.user !== asking.id))
    throw unauthorized('cannot add a public key: unauthorized · people add their own')
  const key = wish.public_key.trim()
  check(wish.title, key)
  return ctx.db.transaction(async (tx) => {
    const [made] = await tx.sql<{ id: number }[]>`
      insert into user__has__public_key ("user", title, public_key, created_at)
      values (${asking.id}, ${wish.title}, ${key}, ${ctx.now()}) returning id`
    await tx.changed('credentials', { user: asking.id })
    return made!
  })
}

export async function updatePublicKeys(
  ctx: Context,
  _: Actor,
  ids: number[],
  changes: { title?: string; public_key?: string },
): Promise<void> {
  const key = changes.public_key?.trim()
  check(changes.title, key)
  await ctx.db.transaction(async (tx) => {
    await tx.sql`
      update user__has__public_key set title = coalesce(${changes.title ?? null}, title), public_key = coalesce(${key ?? null}, public_key)
      where id = any(${ids})`
    await tx.changed('credentials', { keys: ids.length })
  })
}

export async function removePublicKeys(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    await tx.sql`delete from user__has__public_key where id = any(${ids})`
    await tx.changed('credentials', { keys: ids.length })
  })
}

/** The keys of a user who may change the device; none for anybody else. */
export async function keysThatOpen(ctx: Context, username: string, device: Device): Promise<string[]> {
  const { sql } = ctx.db
  const [user] = await sql<{ id: number }[]>`select id from "user" where username = ${username}`
  if (!user || device.application === null) return []
  if (!(await may(sql, { kind: 'user', id: user.id }, 'change', { application: device.application })))
    return []
  const rows = await sql<{ public_key: string }[]>`
    select public_key from user__has__public_key where "user" = ${user.id} order by id`
  return rows.map((row) => row.public_key)
}

function check(title: string | undefined, key: string | undefined): void {
  if (title !== undefined && (title === '' || title.length > 120))
    throw badRequest('cannot use the title: it must have 1 to 120 characters')
  if (key === undefined) return
  if (key.length > 2850 || !/^(?:ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/]+=*(?: [^\r\n]*)?$/.test(key))
    throw badRequest('cannot use the public key: give one line as in ~/.ssh/id_ed25519.pub')
}
