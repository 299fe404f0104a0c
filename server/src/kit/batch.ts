/** Gathers items that come one by one and writes them together. */
export interface Batch<Item, Result> extends AsyncDisposable {
  /** Settles when the batch that holds the item was written; rejects when that failed. */
  add(item: Item): Promise<Result>
  /** How many items wait or are being written: what senders slow down by. */
  readonly size: number
}

/**
 * `write` is given up to `most` items at a time, at most one call at once, and returns one result for each, in order.
 * The first item of a batch waits `wait` ms for others. Disposal writes what is left.
 */
export function batched<Item, Result>(
  write: (items: Item[]) => Promise<Result[]>,
  { wait, most }: { wait: number; most: number },
): Batch<Item, Result> {
  interface Waiting {
    item: Item
    done(result: Result): void
    failed(error: unknown): void
  }
  let queue: Waiting[] = []
  let writing = 0
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  function start() {
    clearTimeout(timer)
    timer = undefined
    running ??= run().finally(() => (running = undefined))
  }

  async function run() {
    while (queue.length > 0) {
      const batch = queue.splice(0, most)
      writing = batch.length
      try {
        const results = await write(batch.map(({ item }) => item))
        batch.forEach(({ done }, at) => done(results[at]!))
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
      writing = 0
    }
  }

  return {
    get size() {
      return queue.length + writing
    },
    add(item) {
      return new Promise((done, failed) => {
        queue.push({ item, done, failed })
        if (queue.length >= most) start()
        else if (!running) timer ??= setTimeout(start, wait)
      })
    },
    async [Symbol.asyncDispose]() {
      while (queue.length > 0 || running) {
        start()
        await running
      }
    },
  }
}
