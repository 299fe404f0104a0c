import type { Context } from '../context.ts'
import { imageIsWhole } from '../registry/image.ts'
import type { Release, ReleasedImage } from './queries.ts'

/**
 * Why a device could not run this release, as the second half of a sentence; undefined when all is there. Judges by the
 * rows: every service of the composition has an image, and every image a digest.
 */
export function missingImages(release: Release, images: ReleasedImage[]): string | undefined {
  for (const image of images) {
    if (image.status !== 'success') return `the image of service ${image.service_name} is ${image.status}`
    if (!image.content_hash) return `the image of service ${image.service_name} has no digest · push it again`
  }
  const built = new Set(images.map((image) => image.service_name))
  const without = Object.keys(release.composition.services ?? {}).find((name) => !built.has(name))
  return without === undefined ? undefined : `service ${without} has no image`
}

/** The same for what the registry holds: manifest and blobs of every image. */
export async function missingBlobs(ctx: Context, images: ReleasedImage[]): Promise<string | undefined> {
  const whole = await Promise.all(
    images.map((image) => imageIsWhole(ctx, image.location, image.content_hash!)),
  )
  const broken = images.find((_, index) => !whole[index])
  return broken && `the image of service ${broken.service_name} is not whole in the registry · push it again`
}
