import { randomUUID } from 'node:crypto'
import type { Actor } from '../auth/actor.ts'
import { mustMay } from '../auth/can.ts'
import type { Context } from '../context.ts'
import { uniqueViolation } from '../kit/db/db.ts'
import { badRequest, conflict } from '../problems.ts'

export interface NewApplication {
  app_name: string
  organization: number
  is_for__device_type: number
  application_type?: number
  /** 32 hex digits, a version 4 UUID; made when absent. */
  uuid?: string
  is_of__class?: 'fleet' | 'app' | 'block'
  should_track_latest_release?: boolean
  is_host?: boolean
  is_archived?: boolean
  is_public?: boolean
  is_discoverable?: boolean
  is_accessible_by_support_until__date?: Date | null
  is_stored_at__repository_url?: string | null
}

/** A new fleet (or app, or block) in an organization: its slug, uuid and actor. */
export async function createApplication(
  ctx: Context,
  asking: Actor,
  wish: NewApplication,
): Promise<{ id: number }> {
  checkAppName(wish.app_name)
  if (wish.uuid !== undefined) checkUuid(wish.uuid)
  try {
    return await ctx.db.transaction(async (tx) => {
      const { organization } = wish
      await mustMay(tx.sql, asking, 'found', { organization }, 'create a fleet in this organization')
      const row = {
        uuid: randomUUID().replaceAll('-', ''),
        ...pick(wish),
        created_at: ctx.now(),
        modified_at: ctx.now(),
      }
      const [made] = await tx.sql<{ id: number }[]>`
        with a as (insert into actor default values returning id),
          wished as (select * from jsonb_populate_record(null::application, ${tx.sql.json(row as never)}))
        insert into application (actor, slug, application_type, uuid, app_name, organization, is_for__device_type, is_of__class,
          should_track_latest_release, is_host, is_archived, is_public, is_discoverable,
          is_accessible_by_support_until__date, is_stored_at__repository_url, created_at, modified_at)
        select a.id, lower(o.handle || '/' || w.app_name), coalesce(w.application_type, t.id), w.uuid, w.app_name, o.id,
          w.is_for__device_type, coalesce(w.is_of__class, 'fleet'), coalesce(w.should_track_latest_release, true),
          coalesce(w.is_host, false), coalesce(w.is_archived, false), coalesce(w.is_public, false),
          coalesce(w.is_discoverable, true), w.is_accessible_by_support_until__date, w.is_stored_at__repository_url,
          w.created_at, w.modified_at
        from a, wished w, organization o, application_type t
        where o.id = ${organization} and t.slug = 'default'
        returning id`
      return made!
    })
  } catch (error) {
    throw nameTaken(error) ?? error
  }
}

/** Only what is given: what is absent takes its default. */
const pick = (wish: NewApplication) =>
  Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined))

/** @throws Problem 400 in the words of the wire where there are any */
export function checkAppName(name: string): void {
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) throw badRequest('App name may only contain [a-zA-Z0-9_-].')
  if (name.length < 4 || name.length > 100)
    throw badRequest(`cannot name a fleet ${name}: a name has 4 to 100 characters`)
}

function checkUuid(uuid: string): void {
  if (!/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(uuid))
    throw badRequest('Application UUID must be a 32 character long lower case UUID version 4.')
}

/** The slug is made of both: whichever index finds it taken, it is the name that is. */
export function nameTaken(error: unknown) {
  const taken = uniqueViolation(error)?.constraint
  return taken === 'application_slug_key' || taken === 'application_name'
    ? conflict('"organization" and "app_name" must be unique.')
    : undefined
}
