import type { Actor } from '../auth/actor.ts'
import { insertKey, makeKey, hashKey } from '../auth/api-key.ts'
import type { Context } from '../context.ts'
import { uniqueViolation } from '../kit/db/db.ts'
import { badRequest, conflict, unauthorized } from '../problems.ts'
import { deviceFor } from './queries.ts'

export interface DeviceKeyWish {
  /** The key itself, where the device chose it. */
  apiKey?: string | undefined
  name?: string | undefined
  description?: string | undefined
  expiryDate?: Date | undefined
}

/** A key for a device: asked for by itself, its fleet's provisioning key (key exchange) or a person. Repeating is success. */
export async function setDeviceKey(
  ctx: Context,
  asking: Actor,
  device: number,
  wish: DeviceKeyWish,
): Promise<string> {
  const may = asking.kind === 'application' ? 'see' : 'write'
  const found = await deviceFor(ctx, asking, { id: device }, may)
  if (!found) throw unauthorized(`cannot make a key for device ${device}: it is unknown, or not yours`)
  const value = wish.apiKey ?? makeKey()
  if (!/^[A-Za-z0-9]{16,255}$/.test(value))
    throw badRequest('cannot use this key: give 16 to 255 letters and digits')
  try {
    await ctx.db.transaction(async (tx) => {
      const [row] = await tx.sql<{ actor: number; known: boolean }[]>`
        select d.actor, exists (select from api_key k where k.is_of__actor = d.actor and k.key_hash = ${hashKey(value)}) as known
        from device d where d.id = ${device}`
      if (row!.known) return
      await insertKey(tx.sql, {
        actor: row!.actor,
        role: 'device-api-key',
        value,
        ...(wish.name && { name: wish.name }),
        ...(wish.description && { description: wish.description }),
        ...(wish.expiryDate && { expiryDate: wish.expiryDate }),
      })
      await tx.changed('credentials', { device })
    })
  } catch (error) {
    if (uniqueViolation(error)) throw conflict('"key" must be unique.')
    throw error
  }
  return value
}
