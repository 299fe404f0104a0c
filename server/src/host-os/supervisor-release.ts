// The supervisor's way to a device begins here: its image is made when its sources changed, and kept as a release of a public
// application. Devices take it from there by the updater that stands outside of the supervisor.
import { readFile } from 'node:fs/promises'
import { pushImage, tagImage } from '@copal/engine/images.ts'
import { guest } from '../auth/actor.ts'
import { hostEngine } from '../builds/bases.ts'
import { runImages } from '../builds/images-program.ts'
import type { Context } from '../context.ts'
import { imageIsWhole, imageSize } from '../registry/image.ts'
import { mintToken } from '../registry/tokens.ts'
import { addImage, finishImage } from '../releases/add-image.ts'
import { failRelease } from '../releases/end-release.ts'
import { finishRelease } from '../releases/finish-release.ts'
import { insertRelease } from '../releases/start-release.ts'
import { supervisorApplication } from './supervisor-application.ts'

const hour = 3600
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'aarch64' }

/** Makes the platform's own supervisor available, where its sources changed since the last time. Safe to repeat. */
export async function offerSupervisor(ctx: Context): Promise<void> {
  const arch = architectures[process.arch]
  if (!arch) return
  const say = {
    line: (line: string) => ctx.log.info({ image: `${arch}-supervisor` }, line),
    progress: () => {},
  }
  const made = (await runImages(ctx, ['supervisor', arch], say)) as { name: string; tags: string[] }
  const key = made.name.slice(made.name.lastIndexOf(':') + 1) // changes with whatever the image is made from
  await ctx.db.holding('copal supervisor release', async () => {
    const application = await supervisorApplication(ctx, arch)
    if (await isThere(ctx, application, key)) return
    const release = await makeRelease(ctx, application, key, made.name)
    await moveDevices(ctx, application, release.id)
    ctx.log.info({ 'release.commit': key }, `supervisor ${release.raw} is offered to devices`)
  })
}

async function isThere(ctx: Context, application: number, key: string): Promise<boolean> {
  const [kept] = await ctx.db.sql<{ location: string; content_hash: string }[]>`
    select i.location, i.content_hash from release r
    join release_image ri on ri.is_part_of__release = r.id join image i on i.id = ri.image
    where r.belongs_to__application = ${application} and r.commit = ${key} and r.status = 'success'`
  return kept !== undefined && (await imageIsWhole(ctx, kept.location, kept.content_hash))
}

async function makeRelease(
  ctx: Context,
  application: number,
  key: string,
  name: string,
): Promise<{ id: number; raw: string }> {
  const version = JSON.parse(
    await readFile(new URL('../../../supervisor/package.json', import.meta.url), 'utf8'),
  ).version as string
  const { release, image } = await ctx.db.transaction(async (tx) => {
    // A damaged one makes way: a commit can succeed once.
    await tx.sql`delete from release where belongs_to__application = ${application} and commit = ${key}`
    const release = await insertRelease(ctx, tx, guest, {
      belongs_to__application: application,
      commit: key,
      composition: { services: { main: { image: 'supervisor', privileged: true, network_mode: 'host' } } },
      semver: version,
    })
    return {
      release,
      image: await addImage(ctx, tx, release, { service: 'main', labels: {}, environment: {} }),
    }
  })
  try {
    const digest = await push(ctx, name, image.location)
    await finishImage(ctx, image.id, {
      digest,
      size: (await imageSize(ctx, image.location, digest)) ?? 0,
      log: '',
    })
    const finished = await finishRelease(ctx, release.id)
    return { id: finished.id, raw: `${version}${finished.revision ? `+rev${finished.revision}` : ''}` }
  } catch (error) {
    await failRelease(ctx, release.id, error instanceof Error ? error.message : String(error))
    throw error
  }
}

async function push(ctx: Context, name: string, location: string): Promise<string> {
  const { engine, registryHost } = hostEngine(ctx)
  using _ = engine
  const stored = `${registryHost}/${location}:latest`
  await tagImage(engine, name, stored)
  const token = await mintToken(ctx, {
    subject: 'platform',
    access: [{ type: 'repository', name: location, actions: ['pull', 'push'] }],
    seconds: hour,
  })
  return pushImage(engine, stored, { auth: { registrytoken: token } })
}

/** Devices that run a supervisor of ours get the new one; others only when a person says so. */
async function moveDevices(ctx: Context, application: number, release: number): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const moved = await tx.sql`
      update device set should_be_managed_by__release = ${release}
      where should_be_managed_by__release in (select id from release where belongs_to__application = ${application})
        and should_be_managed_by__release <> ${release}
      returning id`
    if (moved.length > 0) await tx.changed('target', { application })
  })
}
