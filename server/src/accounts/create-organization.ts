import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, unauthorized } from '../problems.ts'

/** Handles that mean something to clients and devices: theirs are the platform's own applications. */
/** The platform's own: applications of devices, and repositories of the registry. */
export const reserved = new Set(['balena_os', 'balena', 'copal', 'v2'])

/** A new organization, whose administrator is who made it. The handle is derived from the name where none is given. */
export async function createOrganization(
  ctx: Context,
  asking: Actor,
  wish: { name: string; handle?: string },
): Promise<{ id: number }> {
  if (asking.kind !== 'user') throw unauthorized('cannot create an organization: only people may')
  checkName(wish.name)
  if (wish.handle !== undefined) checkHandle(wish.handle)
  return ctx.db.transaction(async ({ sql }) => {
    const handle = wish.handle ?? (await freeHandle(sql, wish.name))
    const [made] = await sql<{ id: number }[]>`
      insert into organization (name, handle, created_at) values (${wish.name}, ${handle}, ${ctx.now()}) returning id`
    await sql`
      insert into organization_membership ("user", is_member_of__organization, organization_membership_role)
      select ${asking.id}, ${made!.id}, id from organization_membership_role where name = 'administrator'`
    return made!
  })
}

export function checkName(name: string): void {
  if (name.length < 1 || name.length > 255)
    throw badRequest('cannot name an organization so: a name has 1 to 255 characters')
}

export function checkHandle(handle: string): void {
  if (/[A-Z]/.test(handle)) throw badRequest('Handles must be lowercase')
  if (!/^[a-z0-9_]+$/.test(handle))
    throw badRequest('Handles can only contain alphanumeric characters and underscores')
  if (handle.length > 73) throw badRequest('Handles can have at most 73 characters')
  if (reserved.has(handle)) throw badRequest(`cannot use the handle ${handle}: it is reserved`)
}

/** `Acme, Inc.` → `acme_inc`, or `acme_inc_2` where that is taken. */
async function freeHandle(sql: Tx['sql'], name: string): Promise<string> {
  const stem =
    name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 60) || 'organization'
  const taken = await sql<{ handle: string }[]>`
    select handle from organization where handle = ${stem} or starts_with(handle, ${`${stem}_`})`
  const names = new Set([...reserved, ...taken.map(({ handle }) => handle)])
  let handle = stem
  for (let n = 2; names.has(handle); n++) handle = `${stem}_${n}`
  return handle
}
