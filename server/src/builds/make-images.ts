// The images of a release, side by side: each one built or fetched, and pushed as soon as it is there.
import { cpus } from 'node:os'
import type { Context } from '../context.ts'
import { Problem } from '../problems.ts'
import { mintToken, type Grant } from '../registry/tokens.ts'
import { failImage, finishImage, type AddedImage } from '../releases/add-image.ts'
import { baseRepository } from './bases.ts'
import type { FleetToBuild } from './fleet-to-build.ts'
import { inParallel } from './in-parallel.ts'
import { keeping } from './output.ts'
import type { Run } from './run.ts'
import { basesOf, makeServiceImage, pushServiceImage, type ServiceWish } from './service-image.ts'

const minute = 60
const pullsFrom = 3 // earlier releases
const mostReadable = 60 // repositories: a token travels in a header

/** @returns bytes by service */
export async function makeImages(
  { ctx, build, log, watch, stop }: Run,
  fleet: FleetToBuild,
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
async function readableRepositories(
  ctx: Context,
  fleet: FleetToBuild,
  services: ServiceWish[],
): Promise<string[]> {
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
