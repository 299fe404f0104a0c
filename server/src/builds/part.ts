import type { Context } from '../context.ts'
import { interruptBuilds } from './running.ts'
import { keepSwept } from './sweep-builds.ts'

/** Sees to what other copies left behind; when it stops, the builds of this copy end as interrupted. */
export async function startBuilds(ctx: Context): Promise<AsyncDisposable> {
  const sweeping = await keepSwept(ctx)
  return {
    async [Symbol.asyncDispose]() {
      await interruptBuilds(ctx)
      await sweeping[Symbol.asyncDispose]()
    },
  }
}
