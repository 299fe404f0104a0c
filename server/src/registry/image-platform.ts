import { buffer } from 'node:stream/consumers'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { findBlob } from './blobs.ts'
import { imagesIn } from './image.ts'
import type { Platform } from './manifest-content.ts'

const mostBytes = 4 * 1024 * 1024
const config = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })

/**
 * The platforms that an image was made for, read from its configuration (an index only repeats what it was told): one, or
 * several for an index. Empty when there is no such image; artifacts that are no images are left out.
 */
export async function imagePlatforms(ctx: Context, repository: string, digest: string): Promise<Platform[]> {
  const images = await imagesIn(ctx, repository, digest)
  const found = await Promise.all(
    images.map(async ({ references }) => {
      const reference = references.find(({ kind }) => kind === 'config')
      const size = reference && (await findBlob(ctx, repository, reference.digest))
      if (!reference || size === undefined || size > mostBytes) return undefined
      const text = (await buffer(await ctx.blobs.read(reference.digest))).toString()
      return config.safeParse(parseJson(text)).data
    }),
  )
  return found.filter((platform) => platform !== undefined)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
