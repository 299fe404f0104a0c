import type { Readable } from 'node:stream'
import type { Engine } from './engine.ts'
import { EngineError } from './errors.ts'
import type { Filters } from './filters.ts'
import { parseReference } from './reference.ts'
import { registryAuthHeader } from './registry-auth.ts'
import type { RegistryAuth } from './registry-auth.ts'
import { jsonLines } from './streams.ts'

export interface ImageSummary {
  /** `sha256:…` of the image's configuration (or of its manifest, with the containerd store). */
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  Labels: Record<string, string> | null
  /** Seconds. */
  Created: number
  Size: number
}

export interface ImageDetails {
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  Architecture: string
  Variant?: string
  Os: string
  Size: number
  Created: string
  Config: {
    Env: string[] | null
    Cmd: string[] | null
    Entrypoint: string[] | null
    Labels: Record<string, string> | null
    WorkingDir?: string
    User?: string
    StopSignal?: string
    Healthcheck?: { Test: string[] } | null
  } | null
  RootFS: { Type: string; Layers?: string[] }
}

/** A line of a pull, push, load, import or build. */
export interface Progress {
  status?: string
  /** Short id of the layer that this is about. */
  id?: string
  /** Bytes of that layer. */
  progressDetail?: { current?: number; total?: number }
  /** Output of a build. */
  stream?: string
  aux?: unknown
}

export interface TransferOptions {
  auth?: RegistryAuth | undefined
  onProgress?: ((line: Progress) => void) | undefined
  signal?: AbortSignal | undefined
}

export function listImages(engine: Engine, options: { filters?: Filters; all?: boolean } = {}) {
  const { filters, all } = options
  return engine.json<ImageSummary[]>('GET', '/images/json', { query: { filters, all } })
}

/** @param name reference or id; 404 when the engine has no such image */
export function inspectImage(engine: Engine, name: string): Promise<ImageDetails> {
  return engine.json('GET', `/images/${encodeURIComponent(name)}/json`)
}

/**
 * Pulls an image. Aborting ends the engine's download too.
 * @param reference with a tag or a digest; `latest` when it has neither
 * @param options.platform such as `linux/arm64`, for an image of another processor
 * @throws EngineError with the registry's or the engine's words
 */
export async function pullImage(
  engine: Engine,
  reference: string,
  options: TransferOptions & { platform?: string | undefined } = {},
): Promise<void> {
  const { repository, tag, digest } = parseReference(reference)
  const answer = await engine.request('POST', '/images/create', {
    query: { fromImage: repository, tag: digest ?? tag ?? 'latest', platform: options.platform },
    headers: registryAuthHeader(options.auth),
    signal: options.signal,
  })
  await follow(answer, options.onProgress)
}

/** Pushes a tagged image and gives the digest (`sha256:…`) under which the registry has it. */
export async function pushImage(
  engine: Engine,
  reference: string,
  options: TransferOptions = {},
): Promise<string> {
  const { repository, tag = 'latest' } = parseReference(reference)
  const answer = await engine.request('POST', `/images/${encodeURIComponent(repository)}/push`, {
    query: { tag },
    headers: registryAuthHeader(options.auth),
    signal: options.signal,
  })
  let digest: string | undefined
  await follow(answer, (line) => {
    const aux = line.aux as { Digest?: string } | undefined
    digest = aux?.Digest ?? digest
    options.onProgress?.(line)
  })
  if (digest === undefined) throw new EngineError(0, `the engine named no digest for ${reference}`)
  return digest
}

/** Gives an image another name. @param target repository and tag, such as `registry.example/v2/0a1b:latest` */
export function tagImage(engine: Engine, name: string, target: string): Promise<void> {
  const { repository, tag = 'latest' } = parseReference(target)
  return engine.done('POST', `/images/${encodeURIComponent(name)}/tag`, { query: { repo: repository, tag } })
}

/** Removes a name, and the image when it was the last one. 409 while a container uses it. */
export function removeImage(
  engine: Engine,
  name: string,
  options: { force?: boolean; noPrune?: boolean } = {},
): Promise<void> {
  const query = { force: options.force, noprune: options.noPrune }
  return engine.done('DELETE', `/images/${encodeURIComponent(name)}`, { query })
}

/** Loads images from an archive as `saveImages` gives it (compressed or not). Gives the references or ids it held. */
export async function loadImages(
  engine: Engine,
  tar: Readable | Uint8Array,
  signal?: AbortSignal,
): Promise<string[]> {
  const answer = await engine.request('POST', '/images/load', { query: { quiet: true }, body: tar, signal })
  const loaded: string[] = []
  await follow(answer, (line) => {
    const match = /^Loaded image(?: ID)?: (\S+)/.exec(line.stream ?? '')
    if (match?.[1] !== undefined) loaded.push(match[1])
  })
  return loaded
}

/** An archive of images with their layers, names and configurations. */
export function saveImages(engine: Engine, names: string[], signal?: AbortSignal): Promise<Readable> {
  const query = names.map((name) => `names=${encodeURIComponent(name)}`).join('&')
  return engine.request('GET', `/images/get?${query}`, { signal })
}

/**
 * Makes an image of one layer from a root file system.
 * @param target repository and tag that it gets
 * @param options.changes Dockerfile lines, such as `CMD ["/bin/sh"]`
 * @returns the image's id
 */
export async function importImage(
  engine: Engine,
  tar: Readable | Uint8Array,
  target: string,
  options: { changes?: string[]; platform?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const { repository, tag = 'latest' } = parseReference(target)
  const params = new URLSearchParams({ fromSrc: '-', repo: repository, tag })
  if (options.platform !== undefined) params.set('platform', options.platform)
  for (const change of options.changes ?? []) params.append('changes', change)
  const answer = await engine.request('POST', `/images/create?${params}`, {
    body: tar,
    signal: options.signal,
  })
  let id = ''
  await follow(answer, (line) => {
    if (line.status?.startsWith('sha256:')) id = line.status
  })
  return id
}

export interface BuildOptions extends Omit<TransferOptions, 'auth'> {
  tag: string
  dockerfile?: string
  buildArgs?: Record<string, string>
  labels?: Record<string, string>
  platform?: string
  noCache?: boolean
  target?: string
  networkMode?: string
}

/** Builds with the engine's classic builder (no BuildKit session). @param context a tar. @returns the image's id */
export async function buildImage(
  engine: Engine,
  context: Readable | Uint8Array,
  options: BuildOptions,
): Promise<string> {
  const answer = await engine.request('POST', '/build', {
    query: {
      t: options.tag,
      dockerfile: options.dockerfile,
      buildargs: options.buildArgs,
      labels: options.labels,
      platform: options.platform,
      nocache: options.noCache,
      target: options.target,
      networkmode: options.networkMode,
    },
    body: context,
    signal: options.signal,
  })
  let id = ''
  await follow(answer, (line) => {
    id = (line.aux as { ID?: string } | undefined)?.ID ?? id
    options.onProgress?.(line)
  })
  return id
}

/** Removes images that nothing uses and no tag names (or what `filters` say); gives the bytes won. */
export async function pruneImages(engine: Engine, filters?: Filters): Promise<number> {
  const answer = await engine.json<{ SpaceReclaimed: number }>('POST', '/images/prune', {
    query: { filters },
  })
  return answer.SpaceReclaimed
}

/** Reads a stream of progress to its end. The engine has said 200 by then: trouble is told inside the stream. */
async function follow(answer: Readable, onProgress?: (line: Progress) => void): Promise<void> {
  type Line = Progress & { error?: string; errorDetail?: { message?: string } }
  for await (const line of jsonLines<Line>(answer)) {
    if (line.error !== undefined) throw new EngineError(0, line.errorDetail?.message ?? line.error)
    onProgress?.(line)
  }
}
