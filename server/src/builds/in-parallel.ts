/** Does `work` for all items, at most so many at once. When one fails, `onFailure` hears of it first, and then the others are awaited. */
export async function inParallel<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
  onFailure: (error: unknown) => void,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let failed: { error: unknown } | undefined
  async function worker(): Promise<void> {
    while (next < items.length && !failed) {
      const index = next++
      try {
        results[index] = await work(items[index]!)
      } catch (error) {
        failed ??= { error }
        onFailure(error)
      }
    }
  }
  await Promise.all(Array.from({ length: most }, worker))
  if (failed) throw failed.error
  return results
}
