// `FROM copal/<processor>-<language>` is ours to resolve: made on demand on this machine's engine, kept in our registry, and
// given to the builder under that name.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Engine } from '@copal/engine/engine.ts'
import { isMissing } from '@copal/engine/errors.ts'
import { inspectImage, pullImage, pushImage, tagImage } from '@copal/engine/images.ts'
import { textLines } from '@copal/engine/streams.ts'
import type { Context } from '../context.ts'
import { badRequest, Problem } from '../problems.ts'
import { mintToken } from '../registry/tokens.ts'
import type { Builder } from './builder.ts'
import type { BuildOutput } from './output.ts'
import { TransferProgress } from './transfer.ts'

const program = fileURLToPath(new URL('../../../images/src/main.ts', import.meta.url))
const hour = 3600

interface Base {
  /** `copal/amd64-node` */
  repository: string
  /** As people write them: `copal/amd64-node:20`. */
  tags: string[]
  /** Under which the registry has it. */
  digest: string
}

type Say = Pick<BuildOutput, 'line' | 'progress'>

/** Whether `image` is one of ours to make, as opposed to one from a registry. */
export const isBase = (image: string): boolean => image.startsWith('copal/')

/** The repository of a base image, for tokens. */
export const baseRepository = (image: string): string => image.replace(/[:@].*$/, '')

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
  const { engine, registryHost } = hostEngine(ctx)
  using _ = engine
  const tag = made.name.slice(made.name.lastIndexOf(':') + 1)
  const stored = `${registryHost}/${repository}:${tag}`
  await tagImage(engine, made.name, stored)
  const token = await mintToken(ctx, {
    subject: 'platform',
    access: [{ type: 'repository', name: repository, actions: ['pull', 'push'] }],
    seconds: hour,
  })
  const progress = new TransferProgress(`keeping ${repository} in the registry:`, say.progress)
  const digest = await pushImage(engine, stored, {
    auth: { registrytoken: token },
    onProgress: (line) => progress.hear(line),
  })
  return { repository, tags: made.tags, digest }
}

/** The engine that the platform's own containers run on. It takes a registry on its own machine without asking for our CA. */
export function hostEngine(ctx: Context): { engine: Engine; registryHost: string } {
  return { engine: new Engine(ctx.config.dockerHost), registryHost: `127.0.0.1:${ctx.config.port}` }
}

/** Runs `images` as a program of its own; what it says goes to `say`. @returns the result that it prints */
export async function runImages(ctx: Context, words: string[], say: Say): Promise<unknown> {
  // It inherits our environment: proxies and mirrors are told there.
  const engine = `DOCKER_HOST=${ctx.config.dockerHost}`
  const child = spawn('env', [engine, process.execPath, program, ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let result = ''
  let trouble = ''
  const readResult = async () => {
    for await (const chunk of child.stdout) result += String(chunk)
  }
  const readWords = async () => {
    for await (const line of textLines(child.stderr)) {
      const told = parse(line)
      if (told?.error !== undefined) trouble = told.error
      else say.line(told?.say ?? line)
    }
  }
  const ended = new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done))
  const [code] = await Promise.all([ended, readResult(), readWords()])
  if (code !== 0)
    throw new Problem(502, 'images', trouble || `cannot make ${words.join(' ')}: it ended with ${code}`)
  return JSON.parse(result)
}

function parse(line: string): { say?: string; error?: string } | undefined {
  try {
    return JSON.parse(line) as { say?: string; error?: string }
  } catch {
    return undefined
  }
}
