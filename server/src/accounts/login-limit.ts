import type { Context } from '../context.ts'
import { tooMany } from '../problems.ts'

const tries = 10
const hour = 3600_000
const mostNames = 10_000

const limits = new WeakMap<Context, ReturnType<typeof makeLimit>>()

/** One count for all doors: the API, git and the registry. */
export function limitLogins(ctx: Context) {
  const known = limits.get(ctx) ?? makeLimit(ctx)
  limits.set(ctx, known)
  return known
}

/**
 * Ten wrong passwords for a name, or a hundred from an address, and it is closed for an hour. Counted by each copy for
 * itself: it slows guessing down, and costs nobody a database write.
 */
function makeLimit(ctx: Context) {
  const failures = new Map<string, { count: number; since: number }>()
  const recent = (key: string) => {
    const found = failures.get(key)
    return found && ctx.now().getTime() - found.since < hour ? found : undefined
  }
  const count = (key: string) => {
    if (failures.size > mostNames) failures.clear()
    const found = recent(key)
    if (found) found.count++
    else failures.set(key, { count: 1, since: ctx.now().getTime() })
  }
  return {
    check(name: string, address: string) {
      const closed = [recent(`name ${name.toLowerCase()}`), recent(`address ${address}`)]
      if ((closed[0]?.count ?? 0) >= tries || (closed[1]?.count ?? 0) >= 10 * tries)
        throw tooMany('cannot log in: too many wrong passwords · try again in an hour', hour / 1000)
    },
    failed(name: string, address: string) {
      count(`name ${name.toLowerCase()}`)
      count(`address ${address}`)
    },
    succeeded(name: string) {
      failures.delete(`name ${name.toLowerCase()}`)
    },
  }
}
