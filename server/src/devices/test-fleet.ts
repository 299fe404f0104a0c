// For tests only: a fleet with a release, and devices that registered as real ones do.
import { randomBytes } from 'node:crypto'
import { insertKey, makeKey } from '../auth/api-key.ts'
import type { TestServer } from '../test-server.ts'

export interface TestFleet {
  id: number
  uuid: string
  slug: string
  provisioningKey: string
}

export interface TestRelease {
  id: number
  commit: string
  services: Record<string, { id: number; image: number; location: string; digest: string }>
}

export interface TestDevice {
  id: number
  uuid: string
  key: string
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

export async function testFleet(
  { ctx }: TestServer,
  { name = `fleet${hex(3)}`, type = 'genericx86-64-ext' } = {},
): Promise<TestFleet> {
  const uuid = hex(16)
  const [row] = await ctx.db.sql<{ id: number; actor: number; slug: string }[]>`
    with a as (insert into actor default values returning id)
    insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type)
    select a.id, ${uuid}, o.id, ${name}, o.handle || '/' || ${name}, t.id, (select id from application_type where slug = 'default')
    from a, organization o, device_type t where o.handle = 'admin' and t.slug = ${type}
    returning id, actor, slug`
  const provisioningKey = makeKey()
  await insertKey(ctx.db.sql, { actor: row!.actor, role: 'provisioning-api-key', value: provisioningKey })
  return { id: row!.id, uuid, slug: row!.slug, provisioningKey }
}

/** A successful release that the fleet is on from now (unless `target: false`). */
export async function testRelease(
  { ctx }: TestServer,
  fleet: TestFleet,
  names: string[] = ['main'],
  {
    composition,
    target = true,
    semver = '1.0.0',
  }: { composition?: object; target?: boolean; semver?: string } = {},
): Promise<TestRelease> {
  const commit = hex(20)
  return ctx.db.transaction(async (tx) => {
    const { sql } = tx
    const whole = composition ?? { services: Object.fromEntries(names.map((name) => [name, { build: '.' }])) }
    const [release] = await sql<{ id: number }[]>`
      insert into release (belongs_to__application, commit, composition, status, start_timestamp, revision, semver,
        semver_major, semver_minor, semver_patch)
      select ${fleet.id}, ${commit}, ${sql.json(whole as never)}, 'success', now(),
        (select count(*) from release where belongs_to__application = ${fleet.id} and semver = ${semver}), ${semver},
        split_part(${semver}, '.', 1)::integer, split_part(${semver}, '.', 2)::integer, split_part(${semver}, '.', 3)::integer
      returning id`
    const services: TestRelease['services'] = {}
    for (const name of names) {
      const location = `v2/${hex(16)}`
      const digest = `sha256:${hex(32)}`
      const [row] = await sql<{ id: number; image: number }[]>`
        with s as (
          insert into service (application, service_name) values (${fleet.id}, ${name})
          on conflict (application, service_name) do update set service_name = excluded.service_name returning id
        ), i as (
          insert into image (is_a_build_of__service, location, status, start_timestamp, push_timestamp, content_hash)
          select id, ${location}, 'success', now(), now(), ${digest} from s returning id
        ), ri as (
          insert into release_image (image, is_part_of__release) select id, ${release!.id} from i
        )
        select s.id, i.id as image from s, i`
      services[name] = { ...row!, location, digest }
    }
    if (target) {
      await sql`update application set should_be_running__release = ${release!.id} where id = ${fleet.id}`
      await tx.changed('target', { application: fleet.id })
    }
    return { id: release!.id, commit, services }
  })
}

export async function testDevice(
  server: TestServer,
  fleet: TestFleet,
  fields: Record<string, unknown> = {},
): Promise<TestDevice> {
  const uuid = hex(16)
  const key = hex(16)
  const made = await server.call(
    'POST',
    '/device/register',
    { application: fleet.id, device_type: 'genericx86-64-ext', uuid, api_key: key, ...fields },
    fleet.provisioningKey,
  )
  return { id: made.id, uuid, key }
}

/** A row of `device`, as it is now. */
export async function deviceRow({ ctx }: TestServer, id: number): Promise<Record<string, any>> {
  const [row] = await ctx.db.sql`select * from device where id = ${id}`
  return row!
}

/** Asks until the answer is true; fails after `seconds`. */
export async function eventually(
  what: string,
  ask: () => Promise<boolean> | boolean,
  seconds = 10,
): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`)
    await new Promise((done) => setTimeout(done, 25))
  }
}

/** The statements that the server's pool runs while `work` does, apart from the sweeps that run by the clock. */
export async function statementsOf({ ctx }: TestServer, work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = []
  const options = ctx.db.sql.options as { debug: unknown }
  options.debug = (_: number, query: string) => {
    if (
      !/late as|livingCopies|insert into copy|target_change where changed_at|from watch|from copy/.test(query)
    )
      seen.push(query)
  }
  try {
    await work()
  } finally {
    options.debug = false
  }
  return seen
}
