// From a credential to who is asking: one cached look-up, which writes invalidate.
import type { Context } from '../context.ts'
import { unauthorized } from '../problems.ts'
import { guest, type Actor, type User } from './actor.ts'
import { hashKey } from './api-key.ts'
import { passwordMatches } from './passwords.ts'
import { readSession } from './session.ts'

const seconds = 1000
const cacheFor = 5 * seconds
const cacheMost = 20_000

interface Cached {
  actor: Actor | undefined
  until: number
}

const caches = new WeakMap<Context, Map<string, Cached>>()

/** Who sent this HTTP request: `Authorization: Bearer`, or `?apikey=`. Nobody: a guest. A credential that is no good: 401. */
export async function whoAsks(
  ctx: Context,
  request: { headers: { authorization?: string | undefined }; url?: string | undefined },
): Promise<Actor> {
  const credential = credentialOf(request)
  if (!credential) return guest
  const actor = await whoIs(ctx, credential)
  if (!actor)
    throw unauthorized('cannot use this credential: it is unknown, expired or revoked · log in again')
  return actor
}

/** The Bearer token, or the `apikey` in the query; undefined when there is none. */
export function credentialOf(request: {
  headers: { authorization?: string | undefined }
  url?: string | undefined
}): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1]
  if (bearer) return bearer
  const found = /[?&]apikey=([^&]+)/.exec(request.url ?? '')?.[1]
  return found && decodeURIComponent(found)
}

/** A session token or an API key, told apart by shape; undefined when it is unknown or expired. */
export async function whoIs(ctx: Context, credential: string): Promise<Actor | undefined> {
  const cache = cacheOf(ctx)
  const hash = hashKey(credential).toString('base64') // a memory dump shows no credentials
  const known = cache.get(hash)
  const now = Date.now()
  if (known && known.until > now && ctx.events.listening) return known.actor
  const actor =
    credential.split('.').length === 3
      ? await userOfSession(ctx, credential)
      : await actorOfKey(ctx, credential)
  if (cache.size >= cacheMost) cache.clear()
  cache.set(hash, { actor, until: now + cacheFor })
  return actor
}

/**
 * HTTP Basic, as git and docker send it. The password may be an API key or a session token (of that very user or device:
 * `d_<uuid>`; git users may leave the name to chance), else it is the user's password.
 */
export async function whoIsBasic(
  ctx: Context,
  username: string,
  password: string,
): Promise<Actor | undefined> {
  const byKey = await whoIs(ctx, password)
  if (byKey?.kind === 'device') return username === `d_${byKey.uuid}` ? byKey : undefined
  if (byKey) return byKey
  return userOfPassword(ctx, username, password)
}

/** Splits `Authorization: Basic …`; undefined when it is something else. */
export function basicOf(
  authorization: string | undefined,
): { username: string; password: string } | undefined {
  const encoded = /^Basic\s+([\w+/=-]+)\s*$/i.exec(authorization ?? '')?.[1]
  if (!encoded) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** The user by e-mail (any case) or user name, if the password is right. */
export async function userOfPassword(
  ctx: Context,
  name: string,
  password: string,
): Promise<User | undefined> {
  const [row] = await ctx.db.sql<(UserRow & { password_hash: string | null })[]>`
    select id, actor, username, email, password_hash from "user"
    where username = ${name} or lower(email) = lower(${name}) limit 1`
  if (!(await passwordMatches(password, row?.password_hash))) return undefined
  return userActor(row!, Date.now())
}

interface UserRow {
  id: number
  actor: number
  username: string
  email: string
}

const userActor = ({ id, actor, username, email }: UserRow, authTime: number | undefined): User => ({
  kind: 'user',
  id,
  actor,
  username,
  email,
  authTime,
})

async function userOfSession(ctx: Context, token: string): Promise<Actor | undefined> {
  const session = await readSession(ctx, token)
  if (!session) return undefined
  const [row] = await ctx.db.sql<UserRow[]>`
    select id, actor, username, email from "user" where id = ${session.id} and jwt_secret = ${session.jwt_secret}`
  return row && userActor(row, session.authTime)
}

async function actorOfKey(ctx: Context, key: string): Promise<Actor | undefined> {
  const [row] = await ctx.db.sql<
    {
      actor: number
      user: UserRow | null
      application: { id: number; slug: string } | null
      device: { id: number; uuid: string; application: number | null } | null
    }[]
  >`
    select k.is_of__actor as actor,
      (select json_build_object('id', u.id, 'actor', u.actor, 'username', u.username, 'email', u.email) from "user" u where u.actor = k.is_of__actor) as "user",
      (select json_build_object('id', a.id, 'slug', a.slug) from application a where a.actor = k.is_of__actor) as application,
      (select json_build_object('id', d.id, 'uuid', d.uuid, 'application', d.belongs_to__application) from device d where d.actor = k.is_of__actor) as device
    from api_key k
    where k.key_hash = ${hashKey(key)} and (k.expiry_date is null or k.expiry_date > ${ctx.now()})`
  if (!row) return undefined
  if (row.user) return userActor(row.user, undefined)
  if (row.application) return { kind: 'application', actor: row.actor, ...row.application }
  if (row.device) return { kind: 'device', actor: row.actor, ...row.device }
  return undefined
}

function cacheOf(ctx: Context): Map<string, Cached> {
  const known = caches.get(ctx)
  if (known) return known
  // A new map, so that a look-up that began before the change writes into the old one.
  const forget = () => caches.set(ctx, new Map())
  ctx.db.onCommit('credentials', forget)
  ctx.events.on('credentials', forget)
  ctx.events.onGap(forget)
  forget()
  return caches.get(ctx)!
}
