// The builds that run on this copy, so that it can stop without leaving any behind.
import type { Context } from '../context.ts'
import { interrupted, type Stop } from './stop-reasons.ts'

interface Entry {
  stop: Stop
  ended: Promise<void>
}

const running = new WeakMap<Context, Map<number, Entry>>()

/** Counts the build as running until it is disposed of. */
export function registerBuild(ctx: Context, build: number, stop: Stop): Disposable {
  const builds = running.get(ctx) ?? new Map<number, Entry>()
  running.set(ctx, builds)
  const { promise, resolve } = Promise.withResolvers<void>()
  builds.set(build, { stop, ended: promise })
  return {
    [Symbol.dispose]() {
      builds.delete(build)
      resolve()
    },
  }
}

/** Ends all builds of this copy as interrupted, and waits until their rows say so (10 s at most). */
export async function interruptBuilds(ctx: Context): Promise<void> {
  const builds = [...(running.get(ctx)?.values() ?? [])]
  for (const { stop } of builds) stop.because(interrupted())
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, 10_000)
  await Promise.race([Promise.all(builds.map(({ ended }) => ended)), late.promise])
  clearTimeout(timer)
}
