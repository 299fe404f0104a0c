import { z } from 'zod'
import type { Actor } from '../auth/actor.ts'
import { insertKey, makeKey, type KeyRole } from '../auth/api-key.ts'
import { may } from '../auth/can.ts'
import type { Context } from '../context.ts'
import { badRequest, notFound, unauthorized } from '../problems.ts'

export const keyWish = z.object({
  name: z.string().max(50).nullish(),
  description: z.string().max(150).nullish(),
  expiryDate: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .nullish(),
  /** The key itself, where the caller chooses it. */
  apiKey: z
    .string()
    .regex(/^[A-Za-z0-9]{16,255}$/, '16 to 255 letters and digits')
    .nullish(),
})

export type KeyWish = z.infer<typeof keyWish>

export interface KeyOwner {
  type: 'user' | 'application' | 'device'
  id: number
  role: KeyRole
}

const roleOf = {
  user: 'named-user-api-key',
  application: 'provisioning-api-key',
  device: 'device-api-key',
} as const

/** Reads `actorType`, `actorTypeId` and `roles` of `/api-key/v2`. The sentences are those of the wire. */
export function readOwner(body: { actorType?: unknown; actorTypeId?: unknown; roles?: unknown }): KeyOwner {
  const { actorType: type, actorTypeId: id, roles } = body
  if (type !== 'user' && type !== 'application' && type !== 'device')
    throw badRequest('Unsupported actor type')
  if (!Number.isInteger(id)) throw badRequest('actorTypeId must be an integer')
  if (!Array.isArray(roles) || roles.length !== 1)
    throw badRequest('API Keys currently only support a single role')
  if (roles[0] !== roleOf[type]) throw notFound(`cannot find the role ${String(roles[0])} for ${type}s`)
  return { type, id: id as number, role: roleOf[type] }
}

/**
 * A new key for oneself, or for a fleet or device that one may change; shown this once.
 * @throws Problem 404 for an owner that the asker can't see or change
 */
export async function createKey(
  ctx: Context,
  asking: Actor,
  owner: KeyOwner,
  wish: KeyWish,
): Promise<string> {
  if (asking.kind === 'guest') throw unauthorized()
  if (owner.role === 'named-user-api-key' && !wish.name)
    throw badRequest("API keys with the 'named-user-api-key' role require a name")
  const value = wish.apiKey ?? makeKey()
  await insertKey(ctx.db.sql, {
    actor: await actorOf(ctx, asking, owner),
    role: owner.role,
    value,
    ...(wish.name && { name: wish.name }),
    ...(wish.description && { description: wish.description }),
    ...(wish.expiryDate && { expiryDate: wish.expiryDate }),
  })
  return value
}

async function actorOf(ctx: Context, asking: Actor, { type, id }: KeyOwner): Promise<number> {
  const { sql } = ctx.db
  if (type === 'user') {
    // With a session only: a key must not be able to outlive itself by making another.
    if (asking.kind !== 'user' || asking.id !== id || asking.authTime === undefined)
      throw unauthorized('cannot create an API key for this user · log in as them')
    return asking.actor
  }
  const [owner] =
    type === 'application'
      ? await sql<{ actor: number; application: number | null }[]>`
          select actor, id as application from application where id = ${id}`
      : await sql<{ actor: number; application: number | null }[]>`
          select actor, belongs_to__application as application from device where id = ${id}`
  if (!owner?.application || !(await may(sql, asking, 'change', { application: owner.application })))
    throw notFound(`cannot create an API key: there is no ${type} ${id} that you may change`)
  return owner.actor
}

/** Renames or dates keys; a date in the past revokes. */
export async function updateKeys(
  ctx: Context,
  _: Actor,
  ids: number[],
  changes: { name?: string | null; description?: string | null; expiry_date?: Date | null },
): Promise<void> {
  if (Object.keys(changes).length === 0) return
  await ctx.db.transaction(async (tx) => {
    await tx.sql`update api_key set ${tx.sql(changes)} where id = any(${ids})`
    await tx.changed('credentials', { keys: ids.length })
  })
}

/** Revokes keys: at once on this copy, within seconds on the others. */
export async function removeKeys(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    await tx.sql`delete from api_key where id = any(${ids})`
    await tx.changed('credentials', { keys: ids.length })
  })
}
