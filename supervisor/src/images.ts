// Images on their way to the device. Fetches go on beside the rounds of the loop, which only begins and ends them.
import { pullImage, type Progress } from '@copal/engine/images.ts'
import type { Device } from './device.ts'
import { log, reasonOf } from './log.ts'
import type { Memory } from './memory.ts'
import { contentOf, registryOf } from './references.ts'
import type { Relay } from './relay.ts'

interface Fetch {
  stop: AbortController
  progress: PullProgress
}

export interface FetchEvents {
  /** It ended well, or could not be done: look again. */
  ended(content: string, trouble: string | null): void
  progressed(): void
}

export class Fetches {
  readonly #device: Device
  readonly #memory: Memory
  readonly #relay: Relay | null
  readonly #events: FetchEvents
  readonly #running = new Map<string, Fetch>()

  /** @param relay null: the engine asks the registry itself */
  constructor(device: Device, memory: Memory, relay: Relay | null, events: FetchEvents) {
    this.#device = device
    this.#relay = relay
    this.#memory = memory
    this.#events = events
  }

  /** Contents that are being fetched now. */
  get contents(): ReadonlySet<string> {
    return new Set(this.#running.keys())
  }

  /** Whole per cent; undefined when it is not being fetched. */
  progressOf(content: string): number | undefined {
    return this.#running.get(content)?.progress.percent
  }

  /** Begins a fetch and returns once it is noted, not when it is done. */
  async start(reference: string): Promise<void> {
    const content = contentOf(reference)
    if (this.#running.has(content)) return
    const fetch: Fetch = { stop: new AbortController(), progress: new PullProgress() }
    this.#running.set(content, fetch)
    try {
      await this.#memory.noteFetch(content)
    } catch (error) {
      this.#running.delete(content)
      throw error
    }
    void this.#run(reference, content, fetch)
  }

  /** Ends what is no longer wanted. What is wanted goes on, also when it is a new release that wants it. */
  keepOnly(contents: ReadonlySet<string>): void {
    this.stopAll(contents)
    this.#relay
      ?.keepOnly(contents)
      .catch((error: unknown) => log.warn(`cannot remove what was kept of downloads: ${reasonOf(error)}`))
  }

  /** What has come by then is kept. */
  stopAll(but: ReadonlySet<string> = new Set()): void {
    for (const [content, { stop }] of this.#running) if (!but.has(content)) stop.abort()
  }

  async #run(reference: string, content: string, { stop, progress }: Fetch): Promise<void> {
    const { engine, uuid, key, say } = this.#device
    const direct = { username: `d_${uuid}`, password: key, serveraddress: registryOf(reference) }
    const way = this.#relay?.via(reference) ?? { reference, auth: direct }
    let trouble: string | null = null
    say(`Downloading image '${reference}'`)
    try {
      await pullImage(engine, way.reference, {
        auth: way.auth,
        signal: stop.signal,
        onProgress: (line) => {
          if (progress.hear(line)) this.#events.progressed()
        },
      })
      await this.#relay?.forget(reference)
      say(`Downloaded image '${reference}'`)
    } catch (error) {
      if (stop.signal.aborted) log.info(`the download of ${reference} is no longer wanted`)
      else {
        trouble = reasonOf(error)
        // A cut of power may have left bytes that were never written: the engine finds that the whole is not what it should be.
        if (/verif|digest|checksum/i.test(trouble)) await this.#relay?.forget(reference)
        say(`Failed to download image '${reference}' due to '${trouble}'`, { error: true })
      }
    }
    this.#running.delete(content)
    this.#events.ended(content, trouble)
  }
}

/** One number out of what the engine tells of each layer. Downloading counts for most of a layer, unpacking for the rest. */
export class PullProgress {
  readonly #layers = new Map<string, number>()
  #percent = 0

  /** From 0 to 100; never goes back. */
  get percent(): number {
    return this.#percent
  }

  /** True when the number changed. */
  hear({ id, status, progressDetail }: Progress): boolean {
    const share = shareOf(status ?? '', progressDetail)
    if (id === undefined || share === undefined) return false
    this.#layers.set(id, Math.max(share, this.#layers.get(id) ?? 0))
    const sum = [...this.#layers.values()].reduce((total, layer) => total + layer, 0)
    const percent = Math.min(99, Math.floor((100 * sum) / this.#layers.size))
    if (percent <= this.#percent) return false
    this.#percent = percent
    return true
  }
}

function shareOf(status: string, detail: Progress['progressDetail']): number | undefined {
  const part = detail?.total ? Math.min(1, (detail.current ?? 0) / detail.total) : 0
  switch (status) {
    case 'Pulling fs layer':
    case 'Waiting':
      return 0
    case 'Downloading':
      return 0.8 * part
    case 'Verifying Checksum':
    case 'Download complete':
      return 0.8
    case 'Extracting':
      return 0.8 + 0.2 * part
    case 'Pull complete':
    case 'Already exists':
      return 1
    default:
      return undefined
  }
}
