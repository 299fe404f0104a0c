import type { Context } from '../context.ts'
import { offerSupervisor } from './supervisor-release.ts'

/** In the background: the first time, its image is made, which takes a minute. A failure is told and tried again in an hour. */
export function keepSupervisorOffered(ctx: Context): Disposable {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const offer = () =>
    offerSupervisor(ctx).catch((error) => {
      if (stopped) return
      ctx.log.error({ err: error }, 'the supervisor could not be made available; trying again in an hour')
      timer = setTimeout(offer, 3600_000).unref()
    })
  void offer()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
