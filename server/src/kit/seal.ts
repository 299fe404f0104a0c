import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Seals what must be readable again: AES-256-GCM under a key drawn from COPAL_SECRET. */
export interface Seal {
  close(plain: Buffer, name: string): Buffer
  /** Throws when the secret is another one, or the bytes or the name were changed. */
  open(sealed: Buffer, name: string): Buffer
}

/** Layout of a sealed value: 12 bytes nonce, 16 bytes tag, ciphertext. The name is authenticated, so values can't be swapped. */
export function makeSeal(secret: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'copal seal v1', 32))
  return {
    close(plain, name) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name))
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed, name) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
        .setAAD(Buffer.from(name))
        .setAuthTag(sealed.subarray(12, 28))
      return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()])
    },
  }
}
