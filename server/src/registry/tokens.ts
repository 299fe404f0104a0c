import { randomUUID } from 'node:crypto'
import { SignJWT, compactVerify } from 'jose'
import { z } from 'zod'
import type { Context } from '../context.ts'

export type Action = 'pull' | 'push' | 'delete'

/** What a token allows in one repository. `alias` is another name by which its holder calls it (`acme/hello/latest`). */
export interface Grant {
  type: 'repository'
  name: string
  actions: Action[]
  alias?: string
}

/** Whose rights a token stands for: they are looked at again with each request. */
export type Holder = { kind: 'guest' } | { kind: 'user'; id: number } | { kind: 'device'; id: number }

export interface Wish {
  /** Who it is for, as logs and upload sessions show it: `d_<uuid>`, a user name, `build 12`. */
  subject: string
  /** At most some hundred entries: a token travels in a header, and headers are limited to 16 KB. */
  access: Grant[]
  seconds: number
  /** Absent: the platform's own token, which is good for what it says until it expires. */
  holder?: Holder
}

const claims = z.object({
  iss: z.string(),
  aud: z.string(),
  sub: z.string(),
  nbf: z.number(),
  exp: z.number(),
  access: z.array(
    z.object({
      type: z.literal('repository'),
      name: z.string(),
      actions: z.array(z.enum(['pull', 'push', 'delete'])),
      alias: z.string().optional(),
    }),
  ),
  holder: z
    .union([
      z.object({ kind: z.literal('guest') }),
      z.object({ kind: z.enum(['user', 'device']), id: z.number() }),
    ])
    .optional(),
})

export type Claims = z.output<typeof claims>

/** A token for the registry, signed by the platform (device-api.md §8). */
export async function mintToken(ctx: Context, wish: Wish): Promise<string> {
  const now = Math.floor(ctx.now().getTime() / 1000)
  const { access, holder } = wish
  return new SignJWT({ access, ...(holder && { holder }) })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: ctx.keys.registry.kid })
    .setJti(randomUUID())
    .setIssuer(issuer(ctx))
    .setAudience(ctx.config.registryHost)
    .setSubject(wish.subject)
    .setIssuedAt(now)
    .setNotBefore(now - 10)
    .setExpirationTime(now + wish.seconds)
    .sign(ctx.keys.registry.private)
}

/** What a token says; undefined when it is not ours. Whether it has expired is for the caller to judge, by `exp` (seconds). */
export async function readToken(ctx: Context, token: string): Promise<Claims | undefined> {
  try {
    const { payload } = await compactVerify(token, ctx.keys.registry.public, { algorithms: ['ES256'] })
    const read = claims.parse(JSON.parse(Buffer.from(payload).toString()))
    const ours = read.iss === issuer(ctx) && read.aud === ctx.config.registryHost
    return ours && read.nbf * 1000 <= ctx.now().getTime() ? read : undefined
  } catch {
    return undefined
  }
}

const issuer = (ctx: Context) => new URL(ctx.config.url).host
