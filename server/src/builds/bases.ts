// `FROM copal/<processor>-<language>` is ours to resolve: made on demand on this machine's engine, kept in our registry, and
// given to the builder under that name.
import { Engine } from '@copal/engine/engine.ts'
import { isMissing } from '@copal/engine/errors.ts'
import { inspectImage, pullImage, pushImage, removeImage, tagImage } from '@copal/engine/images.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'
import { imageIsWhole } from '../registry/image.ts'
import { findManifest } from '../registry/manifests.ts'
import { mintToken } from '../registry/tokens.ts'
import type { Builder } from './builder.ts'
import { runImages, type Say } from './images-program.ts'
import { TransferProgress } from './transfer.ts'

const hour = 3600

interface Base {
  /** `copal/amd64-node` */
  repository: string
  /** As people write them: `copal/amd64-node:20`. */
  tags: string[]
  /** Under which the registry has it. */
  digest: string
}

/** Whether `image` is one of ours to make, as opposed to one from a registry. */
export const isBase = (image: string): boolean => image.startsWith('copal/')

/** The repository of a base image, for tokens. */
export const baseRepository = (image: string): string => image.replace(/[:@].*$/, '')

/** Begins to make it, while the builder starts. What comes of it is told by `giveBase`. */
export function beginBase(ctx: Context, image: string, say: Say): void {
  baseImage(ctx, image, say).catch(() => {})
}

/**
 * Sees to it that the builder has the image under the name that a Dockerfile uses.
 * @throws Problem 400 when there is no such base
 */
export async function giveBase(
  ctx: Context,
  builder: Builder,
  image: string,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const base = await baseImage(ctx, image, say)
  const [, tag = 'latest'] = /:([^:/]+)$/.exec(image) ?? []
  const name = `${base.repository}:${tag}`
  if (!base.tags.includes(name))
    throw badRequest(`cannot use ${image}: there is no such version · there are ${base.tags.join(', ')}`)
  if (await hasImage(builder.engine, name, base)) return
  const { repository, digest } = base
  say.line(`fetching ${name} into the builder`)
  const token = await mintToken(ctx, {
    subject: 'builder',
    access: [{ type: 'repository', name: repository, actions: ['pull'] }],
    seconds: hour,
  })
  const stored = `${builder.registryHost}/${repository}@${digest}`
  const progress = new TransferProgress(`fetching ${name}:`, say.progress)
  await pullImage(builder.engine, stored, {
    auth: { registrytoken: token },
    onProgress: (line) => progress.hear(line),
    signal,
  })
  await tagImage(builder.engine, stored, name)
}

async function hasImage(engine: Engine, name: string, base: Base): Promise<boolean> {
  try {
    const { RepoDigests } = await inspectImage(engine, name)
    return (RepoDigests ?? []).some((stored) => stored.endsWith(`/${base.repository}@${base.digest}`))
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Asked once in the life of a process: what the images are made from does not change under it. */
const known = new WeakMap<Context, Map<string, Promise<Base>>>()

function baseImage(ctx: Context, image: string, say: Say): Promise<Base> {
  const [, arch, language] = /^copal\/([a-z0-9]+)-([a-z0-9]+)(?::[^:/]+)?$/.exec(image) ?? []
  if (!arch || !language)
    return Promise.reject(
      badRequest(`cannot use ${image}: base images are called copal/<processor>-<language>:<version>`),
    )
  const bases = known.get(ctx) ?? new Map<string, Promise<Base>>()
  known.set(ctx, bases)
  const key = `${arch}-${language}`
  const asked = bases.get(key) ?? makeBase(ctx, arch, language, say)
  bases.set(key, asked)
  asked.catch(() => bases.delete(key))
  return asked
}

async function makeBase(ctx: Context, arch: string, language: string, say: Say): Promise<Base> {
  const repository = `copal/${arch}-${language}`
  const made = (await runImages(ctx, ['base', language, arch], say)) as { name: string; tags: string[] }
  const key = made.name.slice(made.name.lastIndexOf(':') + 1) // changes with whatever the image is made from
  const kept = await findManifest(ctx, repository, key)
  if (kept && (await imageIsWhole(ctx, repository, kept.digest)))
    return { repository, tags: made.tags, digest: kept.digest }

  say.line(`keeping ${repository} in the registry`)
  const { engine, registryHost } = hostEngine(ctx)
  using _ = engine
  const stored = `${registryHost}/${repository}:${key}`
  await tagImage(engine, made.name, stored)
  const token = await mintToken(ctx, {
    subject: 'platform',
    access: [{ type: 'repository', name: repository, actions: ['pull', 'push'] }],
    seconds: hour,
  })
  const progress = new TransferProgress(`keeping ${repository} in the registry:`, say.progress)
  try {
    const digest = await pushImage(engine, stored, {
      auth: { registrytoken: token },
      onProgress: (line) => progress.hear(line),
    })
    return { repository, tags: made.tags, digest }
  } finally {
    await removeImage(engine, stored, { noPrune: true }) // the name; the image has its own
  }
}

/** The engine that the platform's own containers run on. It takes a registry on its own machine without asking for our CA. */
export function hostEngine(ctx: Context): { engine: Engine; registryHost: string } {
  return { engine: new Engine(ctx.config.dockerHost), registryHost: `127.0.0.1:${ctx.config.port}` }
}
