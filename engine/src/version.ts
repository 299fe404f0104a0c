import { EngineError } from './errors.ts'

/** Oldest API we are written for (Engine 19.03). */
export const oldest = '1.40'
/** Newest API we were tried with. Engine 29 refuses anything below 1.44, so this has to stay above. */
export const newest = '1.47'

/**
 * The version to speak: the engine's own, or `newest` when the engine is newer.
 * @throws EngineError when the engine is older than `oldest`
 */
export function negotiate(offered: string | string[] | undefined): string {
  const theirs = Array.isArray(offered) ? offered[0] : offered
  if (theirs === undefined || before(theirs, oldest)) {
    throw new EngineError(
      0,
      `cannot use this engine: it speaks API ${theirs ?? '(unknown)'}, at least ${oldest} is needed`,
    )
  }
  return before(theirs, newest) ? theirs : newest
}

/** True when version `a` is older than `b` (`1.9` is older than `1.40`). */
export function before(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA === majorB ? minorA < minorB : majorA < majorB
}
