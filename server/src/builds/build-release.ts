// A push becomes a release: read the project, start the release, build and push its images, finish it.
import { readProject, type Project } from '@copal/compose/read-project.ts'
import type { Context } from '../context.ts'
import { finishRelease } from '../releases/finish-release.ts'
import type { Release } from '../releases/queries.ts'
import { rawVersion } from '../releases/release-version.ts'
import { beginBase, giveBase } from './bases.ts'
import { beginRelease } from './begin-release.ts'
import { openLog, type BuildLog } from './build-log.ts'
import { holdBuilder } from './builders.ts'
import { fleetSettings } from './fleet-settings.ts'
import { fleetToBuild } from './fleet-to-build.ts'
import { giveUp } from './give-up.ts'
import { makeImages } from './make-images.ts'
import { prefixed } from './output.ts'
import { Watch } from './phases.ts'
import { closeBuild, isOurs, mostTries, openBuild, waitForTurn } from './queue.ts'
import type { BuildWish, Run } from './run.ts'
import { registerBuild } from './running.ts'
import { basesOf, type ServiceWish } from './service-image.ts'
import { sizeText } from './source.ts'
import { stopReasons } from './stop-reasons.ts'
import type { DeadBuild } from './take-over.ts'

export type { BuildWish } from './run.ts'

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
    kept: wish.kept,
  })
  wish.opened?.(build)
  return runBuild(ctx, build, wish)
}

/** The same for a build that has its row; of one that starts again, `earlier` is what its last try left. */
export async function runBuild(
  ctx: Context,
  build: number,
  wish: BuildWish,
  earlier?: Pick<DeadBuild, 'tries' | 'release' | 'log' | 'nextPiece'>,
): Promise<{ releaseId: number; commit: string }> {
  const watch = new Watch()
  if (wish.source.milliseconds) watch.phases['receive'] = wish.source.milliseconds
  const log = openLog(ctx, build, wish.output, earlier)
  if (earlier)
    log.line(
      `the platform stopped while this was built: starting again (try ${earlier.tries} of ${mostTries})`,
    )
  else for (const note of wish.notes ?? []) log.note(note)
  using stop = stopReasons(ctx, build, wish.signal)
  using _ = registerBuild(ctx, build, stop)
  const release = earlier?.release ?? undefined
  const run: Run = { ctx, wish, build, log, watch, stop, signal: stop.signal, ...(release && { release }) }
  try {
    const release = await toTheEnd(run)
    await closeBuild(ctx, build, { status: 'success', phases: watch.phases, log: await log.close() })
    return { releaseId: release.id, commit: release.commit }
  } catch (error) {
    throw await giveUp(run, error)
  }
}

async function toTheEnd(run: Run): Promise<Release> {
  const { ctx, wish, log, watch, signal } = run
  const fleet = await fleetToBuild(ctx, wish.application.id)
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
  const { release, images } = await beginRelease(run, project)
  run.release = release.id
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
  const finished = await finishRelease(ctx, release.id, async (tx, release) => {
    await isOurs(ctx, tx, run.build)
    await wish.also?.(tx, release)
  })
  watch.ended('finish')
  tellResult(log, finished, sizes)
  ctx.log.info(
    { 'release.id': release.id, 'release.commit': release.commit, phases: watch.phases },
    `${fleet.slug} has release ${rawVersion(finished)}`,
  )
  return finished
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
