import type { Context } from '../context.ts'
import { grantsOf } from './grants.ts'
import { readToken, type Action, type Grant } from './tokens.ts'

/** What the bearer of a request may do, judged when the request begins and not again while it lasts. */
export interface Access {
  subject: string
  /** Epoch ms at which the token's time is over: in the past only for those who go on with an upload that they began before. */
  until: number
  may(repository: string, action: Action): boolean
  /** Repositories that this token may read: blobs in them need not be sent again. */
  readable: string[]
  /** The repository's own name, when the client knows it by an alias. */
  nameOf(called: string): string
}

/** Undefined when there is no token, or one that is not ours. What was taken away since it was given is not in it any more. */
export async function accessOf(ctx: Context, authorization: string | undefined): Promise<Access | undefined> {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1]
  const token = bearer && (await readToken(ctx, bearer))
  if (!token) return undefined
  const grants = token.holder ? await stillGranted(ctx, token.holder, token.access) : token.access
  const aliases = new Map(grants.flatMap((grant) => (grant.alias ? [[grant.alias, grant.name]] : [])))
  const may = (repository: string, action: Action) =>
    grants.some((grant) => grant.name === repository && grant.actions.includes(action))
  return {
    subject: token.sub,
    until: token.exp * 1000,
    may,
    readable: grants.filter((grant) => grant.actions.includes('pull')).map((grant) => grant.name),
    nameOf: (called) => aliases.get(called) ?? called,
  }
}

/** A removed device, or a user who left, is refused at once and not when the token runs out. */
async function stillGranted(
  ctx: Context,
  holder: Parameters<typeof grantsOf>[1],
  access: Grant[],
): Promise<Grant[]> {
  if (access.length === 0) return access
  const now = await grantsOf(ctx, holder, [...new Set(access.map((grant) => grant.name))])
  return access.map((grant) => ({
    ...grant,
    actions: grant.actions.filter((action) => now.get(grant.name)!.includes(action)),
  }))
}
