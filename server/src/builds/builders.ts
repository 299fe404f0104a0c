import type { Context } from '../context.ts'
import { hostEngine } from './bases.ts'
import type { Builder } from './builder.ts'
import type { BuildOutput } from './output.ts'

/** Until the builder's image is here: this machine's engine. */
export async function holdBuilder(
  ctx: Context,
  _fleet: { organization: number },
  _how: { say: Pick<BuildOutput, 'line' | 'progress'>; signal: AbortSignal },
): Promise<Builder> {
  const { engine, registryHost } = hostEngine(ctx)
  return {
    engine,
    registryHost,
    async [Symbol.asyncDispose]() {
      engine[Symbol.dispose]()
    },
  }
}
