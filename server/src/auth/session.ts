import { SignJWT, jwtVerify } from 'jose'
import type { Context } from '../context.ts'

const week = 7 * 24 * 3600

/** A session token. Clients read `id`, `iat`, `exp` without verifying; `authTime` (ms) is when the password was given. */
export async function signSession(
  ctx: Context,
  user: { id: number; jwt_secret: string },
  authTime: number,
): Promise<string> {
  const seconds = Math.floor(ctx.now().getTime() / 1000)
  return new SignJWT({ id: user.id, jwt_secret: user.jwt_secret, authTime })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + week)
    .sign(ctx.keys.session)
}

/** Undefined when the token is not ours, was changed, or has expired. */
export async function readSession(
  ctx: Context,
  token: string,
): Promise<{ id: number; jwt_secret: string; authTime: number } | undefined> {
  try {
    const { payload } = await jwtVerify(token, ctx.keys.session, {
      algorithms: ['HS256'],
      currentDate: ctx.now(),
    })
    const { id, jwt_secret, authTime } = payload as { id?: unknown; jwt_secret?: unknown; authTime?: unknown }
    if (typeof id !== 'number' || typeof jwt_secret !== 'string') return undefined
    return { id, jwt_secret, authTime: Number(authTime) }
  } catch {
    return undefined
  }
}
