import type { Context } from '../context.ts'
import { adoptBuilders, stopBuilders } from './builders.ts'
import { interruptBuilds } from './running.ts'
import { keepSwept } from './sweep-builds.ts'

const lookAfterEvery = 3600_000 // ms

/** Sees to what other copies left behind; when it stops, the builds of this copy end as interrupted. */
export async function startBuilds(ctx: Context): Promise<AsyncDisposable> {
  const sweeping = await keepSwept(ctx)
  // No engine is no reason not to start: builds will tell.
  const lookAfter = () =>
    adoptBuilders(ctx).catch((error: Error) =>
      ctx.log.warn(`builders cannot be looked after: ${error.message}`),
    )
  let looking = lookAfter()
  const timer = setInterval(() => (looking = lookAfter()), lookAfterEvery)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await interruptBuilds(ctx)
      await looking
      await stopBuilders(ctx)
      await sweeping[Symbol.asyncDispose]()
    },
  }
}
