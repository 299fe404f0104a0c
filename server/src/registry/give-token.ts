import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { resolveAlias } from './alias.ts'
import { grantsOf } from './grants.ts'
import type { Scope } from './scopes.ts'
import { mintToken, type Grant, type Holder } from './tokens.ts'

const mostScopes = 100
const minute = 60
const hour = 60 * minute

export interface Given {
  token: string
  /** Of its life. */
  seconds: number
}

/** A token for what may be granted of the wish: possibly nothing at all, which is an answer and no error. */
export async function giveToken(ctx: Context, asking: Actor, scopes: Scope[]): Promise<Given> {
  const holder = holderOf(asking)
  const wishes = await Promise.all(
    scopes
      .filter(({ type }) => type === 'repository')
      .slice(0, mostScopes)
      .map(async ({ name, actions }) => ({ actions, ...(await named(ctx, name)) })),
  )
  const granted = await grantsOf(ctx, holder, [...new Set(wishes.map((wish) => wish.name))])
  const access = wishes.map((wish): Grant => {
    const { name, alias } = wish
    const actions = (granted.get(name) ?? []).filter(
      (action) => wish.actions.includes(action) || wish.actions.includes('*'),
    )
    if (alias === undefined) return { type: 'repository', name, actions }
    // Another name is for reading: what it stands for moves on. To those who may not, it stands for nothing.
    return actions.includes('pull')
      ? { type: 'repository', name, alias, actions: ['pull'] }
      : { type: 'repository', name: alias, actions: [] }
  })
  const seconds = lifetime(asking)
  return { token: await mintToken(ctx, { subject: subjectOf(asking), holder, access, seconds }), seconds }
}

async function named(ctx: Context, name: string): Promise<{ name: string; alias?: string }> {
  if (/^(?:v2|copal)\//.test(name)) return { name }
  const real = await resolveAlias(ctx, name)
  return real ? { name: real, alias: name } : { name }
}

function holderOf(asking: Actor): Holder {
  return asking.kind === 'user' || asking.kind === 'device'
    ? { kind: asking.kind, id: asking.id }
    : { kind: 'guest' }
}

function subjectOf(asking: Actor): string {
  switch (asking.kind) {
    case 'guest':
      return ''
    case 'user':
      return asking.username
    case 'application':
      return asking.slug
    case 'device':
      return `d_${asking.uuid}`
  }
}

/** Users have hours: `balena deploy` pushes all its images with one token and asks for no other. */
const lifetime = (asking: Actor) => (asking.kind === 'user' ? 4 * hour : 15 * minute)
