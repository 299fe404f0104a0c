import { createHash, randomBytes } from 'node:crypto'
import type { Query, Tx } from '../kit/db/db.ts'

export type KeyRole = 'provisioning-api-key' | 'device-api-key' | 'named-user-api-key'

/** 32 letters and digits: some 190 bits. */
export function makeKey(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  let key = ''
  while (key.length < 32)
    for (const byte of randomBytes(48)) if (byte < 248 && key.length < 32) key += alphabet[byte % 62]
  return key
}

/** Keys are long and random, so a plain hash hides them; it can be looked up by index. */
export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest()

/** Writes a key for an actor; the key itself is never kept. A key that is already taken violates `api_key_key_hash_key`. */
export async function insertKey(
  sql: Query | Tx['sql'],
  key: {
    actor: number
    role: KeyRole
    value: string
    name?: string
    description?: string
    expiryDate?: Date
  },
): Promise<void> {
  await (sql as Tx['sql'])`
    insert into api_key (is_of__actor, key_hash, role, name, description, expiry_date)
    values (${key.actor}, ${hashKey(key.value)}, ${key.role}, ${key.name ?? null}, ${key.description ?? null}, ${key.expiryDate ?? null})`
}
