import type { Context } from '../context.ts'
import { noteHealthyDevices } from '../devices/last-healthy.ts'
import { collectBlobRows } from '../registry/collect-blobs.ts'
import { collectManifests } from '../registry/collect-manifests.ts'
import { letImagesGo } from '../releases/let-images-go.ts'
import { removeBytes } from './remove-bytes.ts'
import { sweepStore } from './sweep-store.ts'

const hour = 3600_000

export interface Freed {
  /** Releases that let go of their images. */
  releases: number
  manifests: number
  repositories: number
  blobs: number
  /** In the store. */
  bytes: number
}

/**
 * One round: releases let go of images that nobody needs, then what nothing reaches goes, from manifests down to bytes.
 * Nothing goes that was mentioned within the grace period. Safe to run twice, at the same time, and to be killed anywhere.
 */
export async function collectRubbish(ctx: Context, signal?: AbortSignal): Promise<Freed> {
  const before = new Date(ctx.now().getTime() - ctx.config.collection.graceHours * hour)
  const freed: Freed = { releases: 0, manifests: 0, repositories: 0, blobs: 0, bytes: 0 }
  await noteHealthyDevices(ctx, signal)
  freed.releases = await letImagesGo(ctx, signal)
  Object.assign(freed, await collectManifests(ctx, before, signal))
  for await (const blobs of collectBlobRows(ctx, before, signal))
    for (const { digest, size } of blobs) if (await removeBytes(ctx, digest, before)) count(freed, size)
  for await (const { size } of sweepStore(ctx, before, signal)) count(freed, size)
  return freed
}

function count(freed: Freed, size: number): void {
  freed.blobs++
  freed.bytes += size
}
