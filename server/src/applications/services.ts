import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'

/** A service of a fleet, as a client makes it before it uploads the image. */
export async function createService(
  ctx: Context,
  _: Actor,
  wish: { application: number; service_name: string },
): Promise<{ id: number }> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(wish.service_name))
    throw badRequest(
      `cannot name a service ${JSON.stringify(wish.service_name.slice(0, 50))}: a name begins with a letter or digit and goes on with these, _, . and -`,
    )
  const [made] = await ctx.db.sql<{ id: number }[]>`
    insert into service (application, service_name, created_at)
    values (${wish.application}, ${wish.service_name}, ${ctx.now()}) returning id`
  return made!
}

/** Removes services with their variables, labels and images. */
export async function removeServices(ctx: Context, _: Actor, ids: number[]): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const gone = await tx.sql<{ application: number }[]>`
      delete from service where id = any(${ids}) returning application`
    for (const application of new Set(gone.map((row) => row.application)))
      await tx.changed('target', { application })
  })
}
