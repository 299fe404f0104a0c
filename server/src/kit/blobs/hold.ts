// One lock for each blob, which all copies share: between those who bring its bytes and the collection that takes them away.
import type { Tx } from '../db/db.ts'

/** The lock's name, for `hashtextextended`. */
export const blobLock = (digest: string): string => `blob ${digest}`

/**
 * Until the transaction ends nobody takes the blob's bytes away. Look afterwards whether they are there; then leave a row
 * that names them, in this transaction.
 */
export async function holdBlob(sql: Tx['sql'], digest: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(hashtextextended(${blobLock(digest)}, 0))`
}

/** Until the transaction ends nobody holds the blob: what rows say of it afterwards stays so. */
export async function aloneWithBlob(sql: Tx['sql'], digest: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${blobLock(digest)}, 0))`
}
