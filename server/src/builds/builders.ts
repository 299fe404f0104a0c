// One builder for each organization: a container with an engine of its own (images/builder), on the engine that COPAL_DOCKER_HOST
// names. Started when a build needs it, stopped when none has for ten minutes. Its cache lives in a volume and is shared
// inside the organization, never across. Which engine builds what is decided here and nowhere else.
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createContainer,
  inspectContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
} from '@copal/engine/containers.ts'
import { containerLogs } from '@copal/engine/container-logs.ts'
import { Engine } from '@copal/engine/engine.ts'
import { isConflict, isMissing, isOutOfAddresses, outOfAddresses, EngineError } from '@copal/engine/errors.ts'
import { readHostNetwork } from '@copal/engine/host-network.ts'
import { builderContainer, type BuilderOptions, type PackageSettings } from '@copal/engine/nested-builder.ts'
import { platformName } from '@copal/engine/nested.ts'
import { createNetwork, inspectNetwork, removeNetwork } from '@copal/engine/networks.ts'
import { readPowers } from '@copal/engine/powers.ts'
import { ping } from '@copal/engine/system.ts'
import { listVolumes, removeVolume } from '@copal/engine/volumes.ts'
import type { Context } from '../context.ts'
import { Problem } from '../problems.ts'
import type { Builder } from './builder.ts'
import { runImages, type Say } from './images-program.ts'
import { registryDoors } from './registry-doors.ts'
import { tidyBuilder } from './tidy-builder.ts'

const idleFor = 10 * 60_000 // ms
const tidyAfter = 60_000 // ms
const secondsToStop = 8
const readyWithin = 60_000 // ms
const processes = 8000

interface Held {
  engine: Engine
  container: string
  /** Builds that use it. */
  users: number
  stopping?: NodeJS.Timeout
  tidying?: NodeJS.Timeout
}

interface Builders {
  image?: Promise<string>
  /** By organization. */
  held: Map<number, Promise<Held>>
}

const everything = new WeakMap<Context, Builders>()

function buildersOf(ctx: Context): Builders {
  const found = everything.get(ctx) ?? { held: new Map() }
  everything.set(ctx, found)
  return found
}

/** The organization's builder, started if need be. It is not stopped while it is held. */
export async function holdBuilder(
  ctx: Context,
  organization: number,
  { say, signal }: { say: Say; signal: AbortSignal },
): Promise<Builder> {
  // Whoever gives up leaves the start to itself: others may want the builder too.
  const held = await untilAborted(useHeld(ctx, organization, say), signal)
  held.users++
  clearTimeout(held.stopping)
  clearTimeout(held.tidying)
  return {
    engine: held.engine,
    registryHost: `${platformName}:${ctx.config.port}`,
    async [Symbol.asyncDispose]() {
      held.users--
      if (held.users > 0) return
      stopWhenIdle(ctx, organization, held)
      held.tidying = setTimeout(() => tidy(ctx, organization, held), tidyAfter).unref()
    },
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function useHeld(ctx: Context, organization: number, say: Say): Promise<Held> {
  const { held } = buildersOf(ctx)
  const before = held.get(organization)?.catch(() => undefined) ?? Promise.resolve(undefined)
  // One behind the other: two builds that find the builder gone start it once.
  const next = before.then(async (known) => {
    if (known && (await answers(known.engine))) return known
    const started = await startBuilder(ctx, organization, say)
    stopWhenIdle(ctx, organization, started)
    return started
  })
  held.set(organization, next)
  return next
}

const answers = (engine: Engine) =>
  ping(engine, AbortSignal.timeout(2000)).then(
    () => true,
    () => false,
  )

async function startBuilder(ctx: Context, organization: number, say: Say): Promise<Held> {
  using host = new Engine(ctx.config.dockerHost)
  const name = nameOf(ctx, organization)
  const folder = await folderOf(ctx, organization)
  const options = await optionsFor(ctx, organization, folder, say)
  const inner = new Engine(`unix://${join(folder, 'docker.sock')}`)
  await registryDoors(ctx).open(doorIn(folder))
  const found = await inspectContainer(host, name).catch(missingIsNothing)
  const isCurrent = found?.State.Running && found.Config.Labels?.[keyLabel] === options.labels[keyLabel]
  if (isCurrent && (await answers(inner))) return { engine: inner, container: name, users: 0 }

  say.line('starting the builder')
  if (found) await removeContainer(host, name, { force: true })
  await makeNetwork(host, options.network)
  const settings = ctx.config.builds.givePackages
    ? ((await runImages(ctx, ['settings', join(folder, 'packages')], say)) as PackageSettings)
    : undefined
  const spec = builderContainer({ ...options, ...(settings && { settings }) })
  await createContainer(host, { name, ...spec })
  await startContainer(host, name)
  await untilReady(host, name, inner)
  ctx.log.info({ organization }, `the builder of organization ${organization} is running`)
  return { engine: inner, container: name, users: 0 }
}

const missingIsNothing = (error: unknown): undefined => {
  if (!isMissing(error)) throw error
}

const platformLabel = 'io.copal.platform'
const organizationLabel = 'io.copal.builder-of'
/** What the container was made from: it is made anew when that is another. */
const keyLabel = 'io.copal.builder-key'

/** The same for all copies of a platform, and another for every platform on one machine. */
export const platformId = (ctx: Context): string =>
  createHash('sha256').update(ctx.keys.ca.certificate).digest('hex').slice(0, 10)

const namePrefix = (ctx: Context) => `copal-builder-${platformId(ctx)}`

/** A builder knows the platform by its port. Copies on one machine have different ones, so each has builders of its own. */
const nameOf = (ctx: Context, organization: number) => `${namePrefix(ctx)}-${organization}-${ctx.config.port}`

const doorIn = (folder: string) => join(folder, 'registry.sock')

/** A socket's path may have no more than 107 bytes. */
async function folderOf(ctx: Context, organization: number): Promise<string> {
  const own = resolve(ctx.config.dataDir, 'builders', `${organization}-${ctx.config.port}`)
  const folder = own.length < 90 ? own : join(tmpdir(), nameOf(ctx, organization))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return folder
}

async function optionsFor(
  ctx: Context,
  organization: number,
  socketFolder: string,
  say: Say,
): Promise<BuilderOptions> {
  const { memory, disk, allow } = ctx.config.builds
  const options: BuilderOptions = {
    image: await builderImage(ctx, say),
    powers: readPowers(),
    network: namePrefix(ctx),
    labels: {},
    volume: nameOf(ctx, organization),
    socketFolder,
    platform: { port: ctx.config.port, caPem: ctx.keys.ca.certificate },
    diskBytes: disk,
    memoryBytes: memory,
    cpus: cpus().length,
    pids: processes,
    ...readHostNetwork(),
    allowed: allow,
  }
  const key = createHash('sha256').update(JSON.stringify(options)).digest('hex')
  const labels = {
    [platformLabel]: platformId(ctx),
    [organizationLabel]: String(organization),
    [keyLabel]: key,
  }
  return { ...options, labels }
}

/** Made once in the life of a process, at the first build. */
function builderImage(ctx: Context, say: Say): Promise<string> {
  const builders = buildersOf(ctx)
  const made = (builders.image ??= runImages(ctx, ['builder'], say).then(
    (image) => (image as { name: string }).name,
  ))
  made.catch(() => delete builders.image)
  return made
}

/** Builders do not see each other on it. */
async function makeNetwork(host: Engine, name: string): Promise<void> {
  if (await inspectNetwork(host, name).catch(missingIsNothing)) return
  await createNetwork(host, {
    Name: name,
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  }).catch((error: unknown) => {
    if (isOutOfAddresses(error))
      throw new Problem(503, 'builder', `cannot start the builder: ${outOfAddresses}`)
    if (!isConflict(error)) throw error // another copy was quicker
  })
}

async function untilReady(host: Engine, container: string, inner: Engine): Promise<void> {
  const end = Date.now() + readyWithin
  while (!(await answers(inner))) {
    const { State } = await inspectContainer(host, container)
    if (!State.Running || Date.now() > end)
      throw new Problem(
        503,
        'builder',
        `cannot start the builder: ${(await lastWords(host, container)) || 'it does not answer'}`,
      )
    await sleep(50)
  }
}

async function lastWords(host: Engine, container: string): Promise<string> {
  const lines: string[] = []
  for await (const { text } of containerLogs(host, container, { follow: false, tail: 3 })) lines.push(text)
  return lines.join(' ').slice(-500)
}

function stopWhenIdle(ctx: Context, organization: number, held: Held, after = idleFor): void {
  clearTimeout(held.stopping)
  held.stopping = setTimeout(() => {
    if (held.users > 0) return
    stopHeld(ctx, organization, held).catch((error: unknown) =>
      ctx.log.warn({ err: error }, `the builder of organization ${organization} could not be stopped`),
    )
  }, after).unref()
}

async function stopHeld(ctx: Context, organization: number, held: Held): Promise<void> {
  const { held: all } = buildersOf(ctx)
  if ((await all.get(organization)?.catch(() => undefined)) !== held) return // there is a newer one of that name
  all.delete(organization)
  clearTimeout(held.tidying)
  held.engine[Symbol.dispose]()
  using host = new Engine(ctx.config.dockerHost)
  await stopContainer(host, held.container, secondsToStop).catch(missingIsNothing)
  await removeContainer(host, held.container, { force: true }).catch(missingIsNothing)
  await registryDoors(ctx).close(doorIn(await folderOf(ctx, organization)))
}

async function tidy(ctx: Context, organization: number, held: Held): Promise<void> {
  try {
    if (held.users === 0) await tidyBuilder(ctx, organization, held.engine)
  } catch (error) {
    ctx.log.warn({ err: error }, `the builder of organization ${organization} could not be tidied`)
  }
}

/** Builders that a killed process left running are stopped when nobody uses them; caches of organizations that are gone go, too. */
export async function adoptBuilders(ctx: Context): Promise<void> {
  using host = new Engine(ctx.config.dockerHost)
  await removeOrphans(ctx, host)
  const mine = await listContainers(host, { filters: { label: [`${platformLabel}=${platformId(ctx)}`] } })
  for (const { Names, Labels } of mine) {
    const organization = Number(Labels?.[organizationLabel])
    const container = Names[0]!.replace(/^\//, '')
    if (container !== nameOf(ctx, organization) || buildersOf(ctx).held.has(organization)) continue
    const folder = await folderOf(ctx, organization)
    await registryDoors(ctx).open(doorIn(folder))
    const engine = new Engine(`unix://${join(folder, 'docker.sock')}`)
    const held: Held = { engine, container, users: 0 }
    buildersOf(ctx).held.set(organization, Promise.resolve(held))
    stopWhenIdle(ctx, organization, held)
  }
}

async function removeOrphans(ctx: Context, host: Engine): Promise<void> {
  const rows = await ctx.db.sql<{ id: number }[]>`select id from organization`
  const living = new Set(rows.map(({ id }) => String(id)))
  const [other] = await ctx.db.sql`select 1 from copy where id <> ${ctx.copy} and lease_until > now() limit 1`
  for (const { Name } of await listVolumes(host, { name: [`${namePrefix(ctx)}-`] })) {
    const [organization, port] = Name.slice(namePrefix(ctx).length + 1).split('-')
    // Of another port: of a copy that lives, or from before the platform's port was changed.
    const isWanted = living.has(organization!) && (port === String(ctx.config.port) || other !== undefined)
    if (isWanted) continue
    await removeContainer(host, Name, { force: true }).catch(missingIsNothing)
    await removeVolume(host, Name).catch(missingIsNothing)
  }
}

/** Stops the builders of this copy, and takes their network along when no other copy has a builder on it. */
export async function stopBuilders(ctx: Context): Promise<void> {
  await Promise.allSettled(
    [...buildersOf(ctx).held].map(async ([organization, starting]) => {
      const held = await starting
      clearTimeout(held.stopping)
      await stopHeld(ctx, organization, held)
    }),
  )
  using host = new Engine(ctx.config.dockerHost)
  await removeNetwork(host, namePrefix(ctx)).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error // none was made, or it is in use
  })
}
