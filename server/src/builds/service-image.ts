// One service's image: built or pulled in the builder, looked at, and pushed to our registry.
import { canRun, platformArguments, platformOf, type Architecture } from '@copal/compose/architectures.ts'
import type { Build } from '@copal/compose/build.ts'
import { baseImagesOf } from '@copal/compose/images-of.ts'
import type { ProjectService } from '@copal/compose/read-project.ts'
import type { BuildSecret, Settings } from '@copal/compose/settings.ts'
import { EngineError } from '@copal/engine/errors.ts'
import { inspectImage, pullImage, pushImage, removeImage, tagImage } from '@copal/engine/images.ts'
import { isInside, pathInside } from '@copal/compose/project-files.ts'
import type { Context } from '../context.ts'
import { badRequest, Problem } from '../problems.ts'
import { isBase } from './bases.ts'
import type { Builder } from './builder.ts'
import { buildImage } from './buildkit/build-image.ts'
import { plainName, prepareDockerfile } from './dockerfile.ts'
import type { BuildOutput } from './output.ts'
import { sizeText, type AddedFile, type ProjectSource } from './source.ts'
import { TransferProgress } from './transfer.ts'

export interface ServiceWish {
  builder: Builder
  source: ProjectSource
  service: ProjectService
  settings: Settings
  arch: Architecture
  noCache: boolean
  /** `v2/<hash>`, where the image is pushed. */
  location: string
  output: Pick<BuildOutput, 'line' | 'progress'>
  signal: AbortSignal
}

/** Base images of ours that a service stands on, or is. */
export function basesOf(service: ProjectService, arch: Architecture): string[] {
  const images = service.build
    ? baseImagesOf(service.build.dockerfile.content, {
        buildArgs: { ...platformArguments(arch), ...service.build.args },
        ...(service.build.target ? { target: service.build.target } : {}),
        file: service.build.dockerfile.path,
        service: service.name,
      }).map(({ image }) => image)
    : [service.image!]
  return images.filter(isBase)
}

const taggedAs = ({ builder, location }: ServiceWish) => `${builder.registryHost}/${location}:latest`

/**
 * Builds or fetches the image in the builder.
 * @returns bytes that it takes on a device, layers it shares with others included
 * @throws Problem with a sentence that names the service
 */
export async function makeServiceImage(ctx: Context, wish: ServiceWish): Promise<number> {
  const { service, builder, arch } = wish
  try {
    if (service.build) await build(wish, service.build)
    else await fetch(wish, service.image!)
  } catch (error) {
    throw troubleOf(ctx, wish, error)
  }
  const { Os, Architecture: cpu, Variant, Size } = await inspectImage(builder.engine, taggedAs(wish))
  const platform = [Os, cpu, ...(Variant ? [Variant] : [])].join('/')
  if (!canRun(arch, platform))
    throw badRequest(
      `cannot use the image of service ${service.name}: it is made for ${platform}, and devices of this fleet are ${platformOf(arch)} · choose a base image for ${arch}`,
    )
  return Size
}

async function build(wish: ServiceWish, build: Build): Promise<void> {
  const { context, dockerfile, args, target, labels } = build
  const { service, settings, source, output } = wish
  const secrets = secretsOf(settings, service.name)
  const added = dockerfileFor(context, dockerfile, [...secrets.keys()])
  await buildImage(wish.builder.engine, {
    context: source.pack(({ path }) => pathInContext(build, path), [added]),
    dockerfile: added.path,
    tag: taggedAs(wish),
    platform: platformOf(wish.arch),
    args,
    labels: labels ?? {},
    target,
    noCache: wish.noCache,
    extraHosts: build.extraHosts,
    shmSize: bytesOf(build.shmSize),
    secrets: new Map([...secrets].map(([name, { content }]) => [name, content])),
    logins: settings.registrySecrets,
    onLine: ({ text, passing }) => (passing ? output.progress(text) : output.line(text)),
    signal: wish.signal,
  })
}

/** Undefined for what is no part of the context. Links go in as links: the engine never follows them out. */
function pathInContext({ context, ignores }: Build, whole: string): string | undefined {
  if (whole === context || !isInside(context, whole)) return undefined
  const path = pathInside(context, whole)
  return ignores(path) ? undefined : path
}

function dockerfileFor(
  context: string,
  { path, content, kind }: Build['dockerfile'],
  secrets: string[],
): AddedFile {
  const isInside = context === '' || path.startsWith(`${context}/`)
  const name =
    kind === 'Standard Dockerfile'
      ? path.slice(context === '' ? 0 : context.length + 1)
      : plainName(path, context)
  return {
    // One from elsewhere in the project must not hide a file of the context.
    path: isInside ? name : '.Dockerfile.from-elsewhere',
    content: Buffer.from(prepareDockerfile(content, secrets)),
  }
}

/** By name below /run/secrets; a service's own win over global ones. */
function secretsOf({ buildSecrets }: Settings, service: string): Map<string, BuildSecret> {
  const own = Object.hasOwn(buildSecrets.services, service) ? buildSecrets.services[service]! : []
  return new Map([...buildSecrets.global, ...own].map((secret) => [secret.dest, secret]))
}

async function fetch(wish: ServiceWish, image: string): Promise<void> {
  const { builder, settings, output, signal } = wish
  if (!isBase(image)) {
    output.line(`fetching ${image}`)
    const progress = new TransferProgress('fetching', output.progress)
    const host = /^([^/]*[.:][^/]*|localhost)\//.exec(image)?.[1] ?? ''
    const login = settings.registrySecrets[host]
    await pullImage(builder.engine, image, {
      platform: platformOf(wish.arch),
      ...(login && { auth: { ...login, serveraddress: host } }),
      onProgress: (line) => progress.hear(line),
      signal,
    })
  }
  await tagImage(builder.engine, image, taggedAs(wish))
  // Under its own name it would stay for ever; ours goes when the release is old.
  if (!isBase(image)) await removeImage(builder.engine, image, { noPrune: true }).catch(() => {})
}

/** @param token of minutes, for this build's repositories. @returns the digest under which the registry has it */
export async function pushServiceImage(wish: ServiceWish, token: string): Promise<string> {
  const progress = new TransferProgress('uploading', wish.output.progress)
  try {
    return await pushImage(wish.builder.engine, taggedAs(wish), {
      auth: { registrytoken: token },
      onProgress: (line) => progress.hear(line),
      signal: wish.signal,
    })
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new Problem(
      502,
      'upload',
      `cannot upload the image of service ${wish.service.name}: ${error.message}`,
    )
  }
}

/** An engine's words for what failed, with what it most likely means. */
function troubleOf(ctx: Context, { service, signal }: ServiceWish, error: unknown): unknown {
  if (signal.aborted) return signal.reason
  if (!(error instanceof EngineError)) return error
  const { memory, disk } = ctx.config.builds
  const hint = /exit code: 137\b/.test(error.message)
    ? ` · it was killed, most likely because builds have ${sizeText(memory)} of memory (COPAL_BUILD_MEMORY)`
    : /no space left on device/i.test(error.message)
      ? ` · builds of an organization have ${sizeText(disk)} (COPAL_BUILD_DISK)`
      : ''
  const deed = service.build ? 'build' : `fetch ${service.image} for`
  return badRequest(`cannot ${deed} service ${service.name}: ${error.message}${hint}`, 'build_failed')
}

function bytesOf(size: number | string | undefined): number | undefined {
  if (size === undefined || typeof size === 'number') return size
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(size) ?? []
  return number === undefined
    ? undefined
    : Math.floor(Number(number) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
}
