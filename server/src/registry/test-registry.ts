// For tests only: fleets with images to push to, and a client of the registry that does one request at a time.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { insertKey, makeKey } from '../auth/api-key.ts'
import { createUser } from '../accounts/create-user.ts'
import type { Context } from '../context.ts'
import type { TestServer } from '../test-server.ts'

/** Rows are all that the seeds write. */
export type Rows = Pick<Context, 'db' | 'now'>

export const imageType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'

export const sha256 = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A user with an organization of the same name. Returns an API key. */
export async function seedUser(ctx: Context, username: string): Promise<string> {
  const { id } = await createUser(ctx, {
    username,
    email: `${username}@example.test`,
    password: 'long enough',
  })
  const [row] = await ctx.db.sql<{ actor: number }[]>`select actor from "user" where id = ${id}`
  return seedKey(ctx, row!.actor, 'named-user-api-key')
}

/** A fleet in the organization with this handle. */
export async function seedFleet(ctx: Rows, handle: string, name: string, isPublic = false): Promise<number> {
  const [row] = await ctx.db.sql<{ id: number }[]>`
    with a as (insert into actor default values returning id)
    insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type, is_public)
    select a.id, ${hex(16)}, o.id, ${name}, ${`${handle}/${name}`}, (select min(id) from device_type),
      (select min(id) from application_type), ${isPublic}
    from a, organization o where o.handle = ${handle} returning id`
  return row!.id
}

/** An image row of a service, not built yet. Returns the repository, `v2/<32 hex>`. */
export async function seedImage(ctx: Rows, application: number, service = 'main'): Promise<string> {
  const location = `v2/${hex(16)}`
  await ctx.db.sql`
    with s as (
      insert into service (application, service_name) values (${application}, ${service})
      on conflict (application, service_name) do update set service_name = excluded.service_name returning id
    )
    insert into image (is_a_build_of__service, location, status, start_timestamp)
    select id, ${location}, 'running', ${ctx.now()} from s`
  return location
}

/** A release of these images, successful and final. */
export async function seedRelease(
  ctx: Rows,
  application: number,
  locations: string[],
  fields: { commit?: string; semver?: string; revision?: number | null } = {},
): Promise<number> {
  const { commit = hex(20), semver = '1.0.0', revision = 0 } = fields
  const [major, minor, patch] = semver.split('.').map(Number)
  const [row] = await ctx.db.sql<{ id: number }[]>`
    insert into release (belongs_to__application, commit, status, start_timestamp, semver, semver_major, semver_minor, semver_patch, revision)
    values (${application}, ${commit}, 'success', ${ctx.now()}, ${semver}, ${major!}, ${minor!}, ${patch!}, ${revision}) returning id`
  await ctx.db.sql`
    insert into release_image (image, is_part_of__release)
    select id, ${row!.id} from image where location = any(${locations})`
  return row!.id
}

/** A device with its key. */
export async function seedDevice(ctx: Rows, application: number): Promise<{ uuid: string; key: string }> {
  const uuid = hex(16)
  const [row] = await ctx.db.sql<{ actor: number }[]>`
    with a as (insert into actor default values returning id)
    insert into device (actor, uuid, device_name, belongs_to__application, is_of__device_type)
    select a.id, ${uuid}, 'test', ${application}, (select min(id) from device_type) from a returning actor`
  return { uuid, key: await seedKey(ctx, row!.actor, 'device-api-key') }
}

async function seedKey(
  ctx: Rows,
  actor: number,
  role: 'named-user-api-key' | 'device-api-key',
): Promise<string> {
  const value = makeKey()
  await insertKey(ctx.db.sql, { actor, role, value, name: 'test' })
  return value
}

export interface Send {
  headers?: Record<string, string>
  body?: Buffer | string | ReadableStream
}

export type Client = ReturnType<typeof client>

/** Requests under `/v2/`, with this token of the registry. */
export function client(server: Pick<TestServer, 'url'>, token?: string) {
  const send = (method: string, path: string, { headers = {}, body }: Send = {}) =>
    fetch(new URL(path, server.url), {
      method,
      redirect: 'manual',
      headers: { ...(token && { Authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { body: body as NonNullable<RequestInit['body']>, duplex: 'half' }),
    })
  return {
    send,
    /** Monolithic, in the two requests that docker makes. */
    async pushBlob(repository: string, bytes: Buffer): Promise<string> {
      const begun = await expect(202, send('POST', `/v2/${repository}/blobs/uploads/`))
      const digest = sha256(bytes)
      await expect(201, send('PUT', `${begun.headers.get('location')}?digest=${digest}`, { body: bytes }))
      return digest
    },
    /** An image of these layers, with all its blobs. Returns its digest. */
    async pushImage(
      repository: string,
      reference: string | undefined,
      layers: Buffer[] = [randomBytes(500)],
      config: object = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } },
    ): Promise<string> {
      const content = imageManifest(Buffer.from(JSON.stringify(config)), layers)
      for (const blob of [Buffer.from(JSON.stringify(config)), ...layers])
        await this.pushBlob(repository, blob)
      await expect(
        201,
        send('PUT', `/v2/${repository}/manifests/${reference ?? sha256(content)}`, {
          headers: { 'Content-Type': imageType },
          body: content,
        }),
      )
      return sha256(content)
    },
  }
}

export function imageManifest(config: Buffer, layers: Buffer[], more: object = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: imageType,
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => describe('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
    ...more,
  })
}

export const describe = (mediaType: string, bytes: Buffer | string) => ({
  mediaType,
  digest: sha256(bytes),
  size: Buffer.byteLength(bytes),
})

/** The answer, if it has this status; its body is in the message otherwise. */
export async function expect(status: number, answer: Promise<Response>): Promise<Response> {
  const got = await answer
  if (got.status !== status)
    assert.fail(`${got.url} answered ${got.status}, not ${status}: ${await got.text()}`)
  return got
}

/** The first error code in the body of a refusal with this status. */
export async function refused(status: number, answer: Promise<Response>): Promise<string> {
  const body = (await (await expect(status, answer)).json()) as { errors: { code: string }[] }
  return body.errors[0]!.code
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex')
