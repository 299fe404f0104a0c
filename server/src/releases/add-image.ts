import { randomBytes } from 'node:crypto'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import type { Release } from './queries.ts'

export interface NewImage {
  service: string
  contract?: unknown
  dockerfile?: string | undefined
  /** The wire's words (cloud-api, "image"). */
  projectType?: string | undefined
  labels: Record<string, string>
  environment: Record<string, string>
}

export interface AddedImage {
  id: number
  /** `v2/<32 hex>`: the repository that it is to be pushed to. */
  location: string
}

export const newLocation = (): string => `v2/${randomBytes(16).toString('hex')}`

/** A running image of a release, with its service (made when the fleet has none of that name), labels and variables. */
export async function addImage(ctx: Context, tx: Tx, release: Release, image: NewImage): Promise<AddedImage> {
  const service = await serviceNamed(tx, release.belongs_to__application, image.service)
  const location = newLocation()
  const [{ id }] = (await tx.sql`
    insert into image (is_a_build_of__service, location, status, start_timestamp, dockerfile, project_type, contract)
    values (${service}, ${location}, 'running', ${ctx.now()}, ${image.dockerfile ?? null}, ${image.projectType ?? null},
      ${image.contract == null ? null : tx.sql.json(image.contract as never)})
    returning id`) as unknown as [{ id: number }]
  const [{ id: releaseImage }] = (await tx.sql`
    insert into release_image (image, is_part_of__release) values (${id}, ${release.id}) returning id`) as unknown as [
    { id: number },
  ]
  for (const [name, value] of Object.entries(image.labels))
    await tx.sql`insert into image_label (release_image, label_name, value) values (${releaseImage}, ${name}, ${value})`
  for (const [name, value] of Object.entries(image.environment))
    await tx.sql`insert into image_environment_variable (release_image, name, value) values (${releaseImage}, ${name}, ${value})`
  return { id, location }
}

async function serviceNamed(tx: Tx, application: number, name: string): Promise<number> {
  await tx.sql`insert into service (application, service_name) values (${application}, ${name}) on conflict do nothing`
  const [row] = await tx.sql<{ id: number }[]>`
    select id from service where application = ${application} and service_name = ${name}`
  return row!.id
}

/** The image was built and pushed. @param size bytes as the registry stores them */
export async function finishImage(
  ctx: Context,
  id: number,
  result: { digest: string; size: number; log: string },
): Promise<void> {
  const now = ctx.now()
  await ctx.db.sql`
    update image set status = 'success', content_hash = ${result.digest}, image_size = ${result.size},
      build_log = ${result.log.slice(-1_500_000)}, push_timestamp = ${now}, end_timestamp = ${now}
    where id = ${id} and status = 'running'`
}

export async function failImage(ctx: Context, id: number, sentence: string, log: string): Promise<void> {
  await ctx.db.sql`
    update image set status = 'failed', error_message = ${sentence.slice(0, 300_000)},
      build_log = ${log.slice(-1_500_000)}, end_timestamp = ${ctx.now()}
    where id = ${id} and status = 'running'`
}
