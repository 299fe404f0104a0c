import { createHash } from 'node:crypto'
import { z } from 'zod'
import { refusal } from './refusals.ts'

export interface Reference {
  kind: 'config' | 'layer' | 'manifest' | 'subject'
  digest: string
  /** Bytes. */
  size: number
  mediaType: string
}

export interface Manifest {
  references: Reference[]
  /** Undefined for one that refers to no subject and is of no kind of its own. */
  artifactType: string | undefined
  annotations: Record<string, string> | undefined
  /** Of the entries of an index, beside `references`. */
  platforms: { digest: string; platform: Platform | undefined }[]
}

export interface Platform {
  os: string
  architecture: string
  variant?: string | undefined
}

const imageTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest'),
  size: z.number().int().min(0),
})
const platform = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })
const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  subject: descriptor.optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
}
const image = z.object({ ...common, config: descriptor, layers: z.array(descriptor) })
const index = z.object({
  ...common,
  manifests: z.array(descriptor.extend({ platform: platform.optional().catch(undefined) })),
})

/** Reads a manifest that came with this `Content-Type`; refuses what is none of the four kinds in use, or not what it says it is. */
export function readManifest(content: Buffer, mediaType: string): Manifest {
  const isImage = imageTypes.includes(mediaType)
  if (!isImage && !indexTypes.includes(mediaType))
    throw invalid(`${JSON.stringify(mediaType)} is no kind of manifest that is kept here`)
  let json: unknown
  try {
    json = JSON.parse(content.toString())
  } catch {
    throw invalid('it is not JSON')
  }
  const read = (isImage ? image : index).safeParse(json)
  if (!read.success) {
    const issue = read.error.issues[0]!
    throw invalid(`${issue.path.join('.') || 'the document'}: ${issue.message}`)
  }
  const found = read.data
  if (found.mediaType !== undefined && found.mediaType !== mediaType)
    throw invalid(`it calls itself ${found.mediaType} and came as ${mediaType}`)
  const references: Reference[] =
    'config' in found
      ? [
          { kind: 'config', ...found.config },
          ...found.layers.map((layer) => ({ kind: 'layer' as const, ...layer })),
        ]
      : found.manifests.map((child) => ({ kind: 'manifest' as const, ...child }))
  if (found.subject) references.push({ kind: 'subject', ...found.subject })
  return {
    references,
    artifactType: found.artifactType ?? ('config' in found ? found.config.mediaType : undefined),
    annotations: found.annotations ?? undefined,
    platforms:
      'manifests' in found ? found.manifests.map(({ digest, platform }) => ({ digest, platform })) : [],
  }
}

export const digestOf = (content: Buffer): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`

/** Layers that, by their licence, stay with their vendor. */
export const isForeign = ({ mediaType }: Reference): boolean =>
  /\.(?:foreign|nondistributable)\./.test(mediaType)

const invalid = (why: string) => refusal('MANIFEST_INVALID', `cannot take this manifest: ${why}`)
