import { randomBytes } from 'node:crypto'
import type { Context } from '../context.ts'

/** Fixed on the wire, so that a supervisor knows its own application among others (device-api §2.2). */
const uuids: Record<string, string> = {
  amd64: '52e35121417640b1b28a680504e4039b',
  aarch64: '900de4f3cbac4b9bbd232885a35e407b',
  armv7hf: '2e66a95795c149959c69472a8c2f92b8',
  i386: '531b357e155c480cbec0fdd33041a1f5',
  rpi: '6822565f766e413e96d9bebe2227cdcc',
}
const types: Record<string, string> = {
  amd64: 'generic-amd64',
  aarch64: 'generic-aarch64',
  armv7hf: 'raspberrypi3',
  rpi: 'raspberry-pi',
}

/** The public application `balena_os/<arch>-supervisor`, made where it is missing. @returns its id */
export async function supervisorApplication(ctx: Context, arch: string): Promise<number> {
  const slug = `balena_os/${arch}-supervisor`
  const [found] = await ctx.db.sql<{ id: number }[]>`select id from application where slug = ${slug}`
  if (found) return found.id
  return ctx.db.transaction(async ({ sql }) => {
    await sql`insert into organization (name, handle) values ('balena_os', 'balena_os') on conflict do nothing`
    const [made] = await sql<{ id: number }[]>`
      with a as (insert into actor default values returning id)
      insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type, is_of__class, is_public)
      select a.id, ${uuids[arch] ?? randomBytes(16).toString('hex')}, o.id, ${`${arch}-supervisor`}, ${slug}, d.id, t.id, 'app', true
      from a, organization o, device_type d, application_type t
      where o.handle = 'balena_os' and d.slug = ${types[arch]!} and t.slug = 'default'
      returning id`
    return made!.id
  })
}
