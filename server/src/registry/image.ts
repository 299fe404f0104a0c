// What builds and releases want to know of an image in the registry.
import type { Context } from '../context.ts'
import { findBlob } from './blobs.ts'
import { isForeign, readManifest, type Manifest, type Reference } from './manifest-content.ts'
import { findManifest, touchManifest } from './manifests.ts'

/**
 * Whether a device can pull it: the manifest, those below it, and each of their blobs are here and whole. Whoever asks counts
 * on the answer, so what is here is not collected in the next hours.
 */
export async function imageIsWhole(ctx: Context, repository: string, digest: string): Promise<boolean> {
  await touchManifest(ctx, repository, digest)
  const manifest = await contentOf(ctx, repository, digest)
  if (!manifest) return false
  const present = await Promise.all(
    manifest.references.map(async (reference) => {
      switch (reference.kind) {
        case 'subject':
          return true
        case 'manifest':
          return imageIsWhole(ctx, repository, reference.digest)
        default:
          return (
            isForeign(reference) || (await findBlob(ctx, repository, reference.digest)) === reference.size
          )
      }
    }),
  )
  return present.every(Boolean)
}

/** Bytes of its layers, as they travel; of an index, the largest of its images. Undefined when there is no such image. */
export async function imageSize(
  ctx: Context,
  repository: string,
  digest: string,
): Promise<number | undefined> {
  const images = await imagesIn(ctx, repository, digest)
  const sizes = images.map(({ references }) =>
    layersOf(references).reduce((sum, layer) => sum + layer.size, 0),
  )
  return sizes.length > 0 ? Math.max(...sizes) : undefined
}

/** The images behind a digest: itself, or those of an index without what is no image (attestations name no platform). */
export async function imagesIn(ctx: Context, repository: string, digest: string): Promise<Manifest[]> {
  const manifest = await contentOf(ctx, repository, digest)
  if (!manifest) return []
  const children = manifest.references.filter((reference) => reference.kind === 'manifest')
  if (children.length === 0) return [manifest]
  const unknown = new Set(
    manifest.platforms.filter(({ platform }) => platform?.os === 'unknown').map((child) => child.digest),
  )
  const below = children.filter((child) => !unknown.has(child.digest))
  return (await Promise.all(below.map((child) => imagesIn(ctx, repository, child.digest)))).flat()
}

const layersOf = (references: Reference[]) => references.filter((reference) => reference.kind === 'layer')

async function contentOf(ctx: Context, repository: string, digest: string): Promise<Manifest | undefined> {
  const found = await findManifest(ctx, repository, digest)
  return found && readManifest(found.content, found.mediaType)
}
