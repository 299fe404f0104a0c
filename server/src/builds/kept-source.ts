// The source of a build that may start again: a blob, encrypted, for a tree may hold build secrets and logins.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Context } from '../context.ts'
import type { KeptBuild } from './queue.ts'
import { readTar, sourceLimits, type ProjectSource } from './source.ts'

const cipher = 'aes-256-ctr' // damage shows in the checksums of gzip and tar
const iv = Buffer.alloc(16) // a key is used once
const sealedAs = 'source of a build'

type KeptSource = Pick<KeptBuild, 'source' | 'sourceKey'>

/** Keeps it until nothing names the blob any more; whoever loses the key has lost it at once. */
export async function keepSource(ctx: Context, source: ProjectSource): Promise<KeptSource> {
  const key = randomBytes(32)
  const sealing = pipeline(
    source.pack(({ path }) => path),
    createGzip({ level: 1 }), // fast rather than small: it is read again only after an accident
    createCipheriv(cipher, key, iv),
    () => {},
  )
  const { digest } = await ctx.blobs.put(sealing)
  return { source: digest, sourceKey: ctx.seal.close(key, sealedAs) }
}

/** @throws Error when it is lost or was damaged */
export async function openSource(ctx: Context, { source, sourceKey }: KeptSource): Promise<ProjectSource> {
  const key = ctx.seal.open(sourceKey, sealedAs)
  const archive = pipeline(await ctx.blobs.read(source), createDecipheriv(cipher, key, iv), () => {})
  return readTar(archive, sourceLimits(ctx))
}
