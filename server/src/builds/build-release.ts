// A push becomes a release: read the project, start the release, build and push its images, finish it.
import { cpus } from 'node:os'
import { ARCHITECTURES, type Architecture } from '@copal/compose/architectures.ts'
import { ProjectError } from '@copal/compose/project-error.ts'
import { readProject, type Project } from '@copal/compose/read-project.ts'
import { EngineError } from '@copal/engine/errors.ts'
import type { User } from '../auth/actor.ts'
import { guest } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, notFound, Problem } from '../problems.ts'
import { mintToken, type Grant } from '../registry/tokens.ts'
import { addImage, failImage, finishImage, type AddedImage } from '../releases/add-image.ts'
import { cancelRelease, failRelease, interruptRelease } from '../releases/end-release.ts'
import { finishRelease } from '../releases/finish-release.ts'
import type { Release } from '../releases/queries.ts'
import { rawVersion } from '../releases/release-version.ts'
import { insertRelease } from '../releases/start-release.ts'
import { baseRepository, beginBase, giveBase } from './bases.ts'
import { openLog, type BuildLog } from './build-log.ts'
import { holdBuilder } from './builders.ts'
import { fleetSettings } from './fleet-settings.ts'
import { inParallel } from './in-parallel.ts'
import { keeping, prefixed, type BuildOutput } from './output.ts'
import { Watch } from './phases.ts'
import { closeBuild, openBuild, waitForTurn, type BuildEnd } from './queue.ts'
import { registerBuild } from './running.ts'
import { basesOf, makeServiceImage, pushServiceImage, type ServiceWish } from './service-image.ts'
import { sizeText, type ProjectSource } from './source.ts'
import { stopReasons } from './stop-reasons.ts'

export interface BuildWish {
  application: { id: number }
  user: User | undefined
  /** Stays the caller's: dispose of it afterwards. */
  source: ProjectSource
  /** The release's: a git commit, or 32 hex digits. */
  commit: string
  /** The git commit, where the release has another because that one was built before. Becomes a tag. */
  sourceCommit?: string | undefined
  nocache: boolean
  emulated: boolean
  draft: boolean
  dockerfilePath?: string | undefined
  /** What the pusher was told before, for the log: submodules that are missing. */
  notes?: string[]
  output: BuildOutput
  /** Aborted when the pusher is gone. */
  signal: AbortSignal
  /** Runs in the transaction that finishes the release. */
  also?: ((tx: Tx, release: Release) => Promise<void>) | undefined
}

const minute = 60
const pullsFrom = 3 // earlier releases
const mostReadable = 60 // repositories: a token travels in a header

/**
 * Builds a project to its end. Rejects with a Problem whose sentence is for the pusher; by then the release has failed (or
 * is cancelled, or interrupted), and nothing of it runs any more.
 */
export async function buildRelease(
  ctx: Context,
  wish: BuildWish,
): Promise<{ releaseId: number; commit: string }> {
  const build = await openBuild(ctx, {
    application: wish.application.id,
    user: wish.user?.id,
    commit: wish.commit,
  })
  const watch = new Watch()
  if (wish.source.milliseconds) watch.phases['receive'] = wish.source.milliseconds
  const log = openLog(ctx, build, wish.output)
  for (const note of wish.notes ?? []) log.note(note)
  using stop = stopReasons(ctx, build, wish.signal)
  using _ = registerBuild(ctx, build, stop)
  const run: Run = { ctx, wish, build, log, watch, stop, signal: stop.signal }
  try {
    const release = await toTheEnd(run)
    await closeBuild(ctx, build, { status: 'success', phases: watch.phases, log: await log.close() })
    return { releaseId: release.id, commit: release.commit }
  } catch (error) {
    throw await giveUp(run, error)
  }
}

interface Run {
  ctx: Context
  wish: BuildWish
  build: number
  log: BuildLog
  watch: Watch
  stop: ReturnType<typeof stopReasons>
  signal: AbortSignal
  release?: Release
}

interface Fleet {
  id: number
  app_name: string
  slug: string
  organization: number
  device_type: string
  arch: Architecture
  variables: Record<string, string>
}

async function toTheEnd(run: Run): Promise<Release> {
  const { ctx, wish, log, watch, signal } = run
  const fleet = await fleetOf(ctx, wish.application.id)
  log.line(
    `Building ${fleet.slug} for ${fleet.device_type} (${fleet.arch}), commit ${wish.commit.slice(0, 7)}`,
  )
  const { settings, buildVariables } = fleetSettings(fleet.variables)
  const project = await readProject(wish.source, {
    arch: fleet.arch,
    deviceType: fleet.device_type,
    fleet: fleet.app_name,
    commit: wish.commit,
    buildVariables,
    ...settings,
    ...(wish.dockerfilePath ? { dockerfilePath: wish.dockerfilePath } : {}),
  })
  for (const warning of project.warnings) log.line(`warning: ${warningText(warning)}`)
  const { release, images } = await start(run, project)
  run.release = release
  log.release(release.id, release.commit)
  watch.ended('read')

  await waitForTurn(ctx, run.build, {
    signal,
    waiting: (ahead) =>
      log.line(`waiting for a builder, ${ahead} ${ahead === 1 ? 'build' : 'builds'} before yours`),
  })
  watch.ended('wait')
  const bases = new Set(project.services.flatMap((service) => basesOf(service, fleet.arch)))
  for (const base of bases) beginBase(ctx, base, log)
  await using builder = await holdBuilder(ctx, fleet.organization, { say: log, signal })
  watch.ended('builder')
  for (const base of bases) await giveBase(ctx, builder, base, log, signal)
  watch.ended('bases')

  const width = Math.max(...project.services.map(({ name }) => name.length))
  const services = project.services.map((service): ServiceWish => ({
    builder,
    source: wish.source,
    service,
    settings: project.settings,
    arch: fleet.arch,
    noCache: wish.nocache,
    location: images.get(service.name)!.location,
    output: prefixed(log, service.name, width),
    signal,
  }))
  const sizes = await makeImages(run, fleet, services, images)
  const finished = await finishRelease(ctx, release.id, wish.also)
  watch.ended('finish')
  tellResult(log, finished, sizes)
  ctx.log.info(
    { 'release.id': release.id, 'release.commit': release.commit, phases: watch.phases },
    `${fleet.slug} has release ${rawVersion(finished)}`,
  )
  return finished
}

async function fleetOf(ctx: Context, id: number): Promise<Fleet> {
  const [row] = await ctx.db.sql<Fleet[]>`
    select a.id, a.app_name, a.slug, a.organization, dt.slug as device_type, ca.slug as arch,
      (select coalesce(json_object_agg(name, value), '{}') from build_environment_variable where application = a.id) as variables
    from application a join device_type dt on dt.id = a.is_for__device_type
    join cpu_architecture ca on ca.id = dt.is_of__cpu_architecture where a.id = ${id}`
  if (!row) throw notFound('cannot build: the fleet does not exist any more')
  if (!ARCHITECTURES.includes(row.arch))
    throw badRequest(
      `cannot build for ${row.device_type}: its processor is ${row.arch} · there are ${ARCHITECTURES.join(', ')}`,
    )
  return row
}

/** The release with its images, all in one transaction: from here on everybody can see that it is being built. */
async function start({ ctx, wish, build }: Run, project: Project) {
  return ctx.db.transaction(async (tx) => {
    const release = await insertRelease(ctx, tx, wish.user ?? guest, {
      belongs_to__application: wish.application.id,
      commit: wish.commit,
      composition: project.composition,
      contract: project.contract,
      semver: project.version,
      source: 'cloud',
      is_final: !wish.draft,
    })
    const images = new Map<string, AddedImage>()
    for (const { name, labels, environment, contract, build: built } of project.services) {
      const image = await addImage(ctx, tx, release, {
        service: name,
        labels,
        environment,
        contract,
        dockerfile: built?.dockerfile.content,
        projectType: built?.dockerfile.kind ?? 'external service',
      })
      images.set(name, image)
    }
    if (wish.sourceCommit && wish.sourceCommit !== wish.commit)
      await tx.sql`insert into release_tag (release, tag_key, value) values (${release.id}, 'source-commit', ${wish.sourceCommit})`
    await tx.sql`update build set release = ${release.id} where id = ${build}`
    await tx.changed('release', { application: wish.application.id, release: release.id })
    return { release, images }
  })
}

/** @returns bytes by service */
async function makeImages(
  { ctx, build, log, watch, stop }: Run,
  fleet: Fleet,
  services: ServiceWish[],
  images: Map<string, AddedImage>,
): Promise<Map<string, number>> {
  const readable = await readableRepositories(ctx, fleet, services)
  let unbuilt = services.length
  async function make(wish: ServiceWish): Promise<[string, number]> {
    const { name } = wish.service
    const { id, location } = images.get(name)!
    const kept = keeping(wish.output)
    try {
      const size = await makeServiceImage(ctx, { ...wish, output: kept })
      if (--unbuilt === 0) watch.ended('build')
      const digest = await pushServiceImage(wish, await tokenFor(ctx, build, location, readable))
      await finishImage(ctx, id, { digest, size, log: kept.text() })
      if (services.length > 1) wish.output.line('uploaded')
      return [name, size]
    } catch (error) {
      if (error instanceof Problem && !wish.signal.aborted)
        await failImage(ctx, id, error.message, kept.text())
      throw error
    }
  }
  const atOnce = Math.max(2, cpus().length)
  const made = await inParallel(services, atOnce, make, (error) => {
    if (services.length > 1 && !stop.signal.aborted) log.line('stopping the other services')
    stop.because(error)
  })
  watch.ended('upload')
  return new Map(made)
}

/** Where layers of these images may be already, so that only new ones travel. */
async function readableRepositories(ctx: Context, fleet: Fleet, services: ServiceWish[]): Promise<string[]> {
  const earlier = await ctx.db.sql<{ location: string }[]>`
    select i.location from release_image ri join image i on i.id = ri.image
    where i.status = 'success' and ri.is_part_of__release in (
      select id from release where belongs_to__application = ${fleet.id} and status = 'success' order by id desc limit ${pullsFrom})
    limit ${mostReadable}`
  const bases = services.flatMap(({ service }) => basesOf(service, fleet.arch)).map(baseRepository)
  return [...new Set([...earlier.map(({ location }) => location), ...bases])]
}

/** Minted when it is needed, for one push. */
function tokenFor(ctx: Context, build: number, location: string, readable: string[]): Promise<string> {
  const grant = (name: string, ...actions: Grant['actions']): Grant => ({ type: 'repository', name, actions })
  const access = [...readable.map((name) => grant(name, 'pull')), grant(location, 'pull', 'push')]
  return mintToken(ctx, { subject: `build ${build}`, access, seconds: 30 * minute })
}

function warningText({ text, line, service }: Project['warnings'][number]): string {
  const place = [service, line && `line ${line}`].filter(Boolean).join(', ')
  return place ? `${place}: ${text}` : text
}

function tellResult(log: BuildLog, release: Release, sizes: Map<string, number>): void {
  const width = Math.max('Service'.length, ...[...sizes.keys()].map((name) => name.length))
  log.line(`${'Service'.padEnd(width)}  Image size`)
  for (const [name, size] of sizes) log.line(`${name.padEnd(width)}  ${sizeText(size)}`)
  const draft = release.revision === null ? ', a draft' : ''
  log.line(`Release: ${release.commit} (id: ${release.id}), version ${rawVersion(release)}${draft}`)
}

/** Ends release and build the way the build ended. @returns what the pusher is told */
async function giveUp(
  { ctx, wish, build, log, watch, release, signal }: Run,
  thrown: unknown,
): Promise<Problem> {
  const problem = problemOf(ctx, signal.aborted ? signal.reason : thrown, build)
  const status = endOf(problem)
  watch.ended('ending')
  // People look at the end of a log first.
  if (status === 'failed') for (const note of wish.notes ?? []) log.note(note)
  log.note(problem.message)
  const end = {
    cancelled: cancelRelease,
    interrupted: interruptRelease,
    failed: failRelease,
    success: failRelease,
  }[status]
  try {
    if (release) await end(ctx, release.id, problem.message)
    await closeBuild(ctx, build, {
      status,
      sentence: problem.message,
      phases: watch.phases,
      log: await log.close(),
    })
  } catch (error) {
    ctx.log.error({ err: error }, `the end of build ${build} could not be written; it will be swept`)
  }
  return problem
}

function endOf({ code }: Problem): BuildEnd {
  if (code === 'cancelled' || code === 'gone') return 'cancelled'
  return code === 'interrupted' ? 'interrupted' : 'failed'
}

function problemOf(ctx: Context, error: unknown, build: number): Problem {
  if (error instanceof Problem) return error
  if (error instanceof ProjectError) return badRequest(error.message, 'project')
  if (error instanceof EngineError) {
    ctx.log.warn({ err: error }, `build ${build} failed by its engine`)
    return new Problem(502, 'engine', `cannot build: ${error.message}`)
  }
  ctx.log.error({ err: error }, `build ${build} failed by a bug`)
  return new Problem(
    500,
    'internal',
    `cannot build: internal error · build ${build} in the log of the platform`,
  )
}
