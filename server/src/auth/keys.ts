import { X509Certificate, createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, importJWK, type CryptoKey, type JWK } from 'jose'
import type { Db } from '../kit/db/db.ts'
import type { Seal } from '../kit/seal.ts'
import { makeAuthority, signServer, type Authority } from './authority.ts'

/** What the platform signs with. Kept sealed in the database, so that every copy has the same. */
export interface Keys {
  /** HS256: sessions. */
  session: Uint8Array
  /** ES256: registry tokens. */
  registry: { kid: string; private: CryptoKey; public: JWK }
  ca: Authority
}

export async function loadKeys(db: Db, seal: Seal): Promise<Keys> {
  const [session, registry, ca] = await Promise.all([
    secret(db, seal, 'session', async () => randomBytes(32)),
    secret(db, seal, 'registry', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return Buffer.from(JSON.stringify(await exportJWK(privateKey)))
    }),
    secret(db, seal, 'ca', async () => Buffer.from(JSON.stringify(await makeAuthority()))),
  ])
  const jwk = JSON.parse(registry.toString()) as JWK
  const { d: _, ...open } = jwk
  return {
    session,
    registry: {
      kid: await calculateJwkThumbprint(open),
      private: (await importJWK(jwk, 'ES256')) as CryptoKey,
      public: open,
    },
    ca: JSON.parse(ca.toString()) as Authority,
  }
}

const day = 24 * 3600 * 1000

/**
 * The platform's own certificate for these names and addresses. It is kept, so that a start signs nothing, and made anew for
 * other names, or when it has less than sixty days left.
 */
export async function serverCertificate(
  db: Db,
  seal: Seal,
  ca: Authority,
  names: string[],
): Promise<Authority> {
  const name = `tls ${createHash('sha256').update(names.toSorted().join('\n')).digest('hex').slice(0, 32)}`
  const read = async () =>
    JSON.parse(
      (
        await secret(db, seal, name, async () => Buffer.from(JSON.stringify(await signServer(ca, names))))
      ).toString(),
    ) as Authority
  const kept = await read()
  if (Date.parse(new X509Certificate(kept.certificate).validTo) - Date.now() > 60 * day) return kept
  await db.sql`delete from platform_secret where name = ${name}`
  return read()
}

/** Reads a secret, made by whichever copy comes first. */
async function secret(db: Db, seal: Seal, name: string, make: () => Promise<Buffer>): Promise<Buffer> {
  const read = async () => {
    const [row] = await db.sql<{ sealed: Buffer }[]>`select sealed from platform_secret where name = ${name}`
    if (!row) return undefined
    try {
      return seal.open(row.sealed, name)
    } catch {
      throw new Error(
        `cannot open the platform's key "${name}": it was sealed with another COPAL_SECRET · set the one that this database was made with`,
      )
    }
  }
  const found = await read()
  if (found) return found
  const made = seal.close(await make(), name)
  await db.sql`insert into platform_secret (name, sealed) values (${name}, ${made}) on conflict do nothing`
  return (await read())!
}
