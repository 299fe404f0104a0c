// When a line that says nothing counts as lost. The device tells with each ping when it sends the next one.

const minute = 60_000
/** Before the first ping, and the longest that a device may stay silent: so a loss is known within 6 minutes. */
const longest = 5 * minute
/** For the path, and for clocks that tick differently. */
const grace = 30_000

/** Until when the line may be silent, in epoch ms. `next`: ms until the next ping, as the device told; odd values are bounded. */
export function silentUntil(now: number, next: number = longest): number {
  const told = Number.isFinite(next) ? Math.min(longest, Math.max(1000, next)) : longest
  return now + told + grace
}
