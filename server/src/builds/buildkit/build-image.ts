import type { Readable } from 'node:stream'
import type { Engine } from '@copal/engine/engine.ts'
import { EngineError } from '@copal/engine/errors.ts'
import { jsonLines } from '@copal/engine/streams.ts'
import { BuildProgress, type ProgressLine } from './progress.ts'
import { openSession, type SessionWish } from './session.ts'
import { readTrace } from './trace.ts'

export interface ImageBuild extends SessionWish {
  /** A tar. */
  context: Readable
  /** Its path in the context. */
  dockerfile: string
  tag: string
  /** `linux/arm/v7`. */
  platform: string
  args: Readonly<Record<string, string>>
  labels: Readonly<Record<string, string>>
  target?: string | undefined
  noCache: boolean
  extraHosts?: string[] | undefined
  /** Bytes. */
  shmSize?: number | undefined
  onLine(line: ProgressLine): void
  signal: AbortSignal
}

/**
 * Builds an image with an engine's BuildKit. Aborting ends the build in the engine, too.
 * @returns the image's id
 * @throws EngineError with BuildKit's words for what failed
 */
export async function buildImage(engine: Engine, build: ImageBuild): Promise<string> {
  using session = await openSession(engine, build, build.signal)
  const answer = await engine.request('POST', '/build', {
    query: {
      version: '2',
      session: session.id,
      t: build.tag,
      dockerfile: build.dockerfile,
      platform: build.platform,
      buildargs: build.args,
      labels: build.labels,
      target: build.target,
      nocache: build.noCache,
      extrahosts: build.extraHosts?.join(','),
      shmsize: build.shmSize,
      rm: true,
      forcerm: true,
    },
    body: build.context,
    signal: build.signal,
  })
  const progress = new BuildProgress()
  let id = ''
  type Line = {
    id?: string
    aux?: unknown
    error?: string
    errorDetail?: { message?: string }
    stream?: string
  }
  for await (const line of jsonLines<Line>(answer)) {
    if (line.error !== undefined) throw new EngineError(0, line.errorDetail?.message ?? line.error)
    if (line.id === 'moby.buildkit.trace') {
      for (const told of progress.lines(readTrace(Buffer.from(String(line.aux), 'base64'))))
        build.onLine(told)
    } else if (line.id === 'moby.image.id') id = (line.aux as { ID: string }).ID
  }
  if (id === '') throw new EngineError(0, 'the engine ended the build without an image')
  return id
}
