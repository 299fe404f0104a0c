const tick = 20 // ms

/**
 * Calls `tell` for each that was added, at most `perSecond` a second, in the order in which they came; one that waits already
 * is not added twice. A few are told at once: only a crowd waits.
 */
export function paced<T>(tell: (one: T) => void, perSecond: number): { add(one: T): void } & Disposable {
  const waiting = new Set<T>()
  const most = Math.max(1, Math.round((perSecond * tick) / 1000))
  let allowance = most
  let timer: NodeJS.Timeout | undefined
  const go = () => {
    for (const one of waiting) {
      if (allowance < 1) break
      allowance--
      waiting.delete(one)
      tell(one)
    }
    timer ??= setInterval(() => {
      allowance = most
      if (waiting.size > 0) return go()
      clearInterval(timer)
      timer = undefined
    }, tick)
  }
  return {
    add(one) {
      waiting.add(one)
      if (allowance > 0) go()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      waiting.clear()
    },
  }
}
