// Observe → plan → act → report, one round at a time, for as long as the supervisor lives.
import { access } from 'node:fs/promises'
import type { TargetDevice } from '@copal/wire/target-state.ts'
import { act } from './act.ts'
import type { Surroundings } from './container.ts'
import { describe, isSteady, steadyAfter } from './describe.ts'
import type { Device } from './device.ts'
import { Fetches } from './images.ts'
import { log, reasonOf } from './log.ts'
import type { Logs } from './logs.ts'
import type { Memory } from './memory.ts'
import { observe, type Current } from './observe.ts'
import { Patience } from './patience.ts'
import { Bell, pause } from './pause.ts'
import { plan } from './plan.ts'
import { contentOf } from './references.ts'
import type { Relay } from './relay.ts'
import type { Reporter } from './report.ts'
import { keyOf, type Step } from './steps.ts'
import { surroundingsOf } from './surroundings.ts'
import { wantedOf, type Wanted } from './wanted.ts'

/** Without any event we look so often, in ms: the engine's events may be lost. */
const regularLook = 300_000
/** Events come in bunches; one round is enough for those of so many ms. */
const bunch = 20

export interface LoopParts {
  device: Device
  memory: Memory
  reporter: Reporter
  logs: Logs
  /** Null without a platform. */
  relay: Relay | null
  /** Longest pause before something that failed is tried again, in ms. */
  longestPause: () => number
}

export class Loop {
  readonly #parts: LoopParts
  readonly #fetches: Fetches
  readonly #patience: Patience
  readonly #bell = new Bell()
  /** App and service → what is being done to it. */
  readonly #doing = new Map<string, string>()
  #target: TargetDevice | undefined
  #wanted: Wanted = []
  #current: Current | undefined
  /** Somebody rang while we were at it. */
  #rung = true
  #roundSince: number | undefined
  #lastRound = 0

  constructor(parts: LoopParts) {
    this.#parts = parts
    this.#patience = new Patience(500, parts.longestPause)
    this.#fetches = new Fetches(parts.device, parts.memory, parts.relay, {
      ended: (content, trouble) => this.#fetched(content, trouble),
      progressed: () => this.#publish(),
    })
  }

  /** From now on this is what should run. What failed before may be tried again at once. */
  follow(target: TargetDevice): void {
    this.#target = target
    this.#wanted = wantedOf(target)
    this.#fetches.keepOnly(contentsOf(this.#wanted))
    this.#patience.forget()
    this.wake()
  }

  /** Something happened: look. */
  wake(): void {
    this.#rung = true
    this.#bell.ring()
  }

  /** Services that we are stopping, starting or making ourselves. */
  isDoing(app: string, service: string): boolean {
    return this.#doing.has(`${app}/${service}`)
  }

  /** Whether rounds come to an end: none takes longer than `longest` ms, and the last one succeeded. */
  isAlive(longest: number, now = Date.now()): boolean {
    if (this.#roundSince !== undefined) return now - this.#roundSince < longest
    return now - this.#lastRound < regularLook + longest
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#rung) await this.#bell.wait(signal, this.#untilNext())
      if (signal.aborted) break
      await pause(bunch, signal)
      this.#rung = false
      this.#roundSince = Date.now()
      try {
        await this.#rounds(signal)
        this.#lastRound = Date.now()
        this.#patience.succeeded('round')
      } catch (error) {
        if (!signal.aborted) log.error(`a round failed: ${reasonOf(error)}`)
        this.#patience.failed('round', reasonOf(error))
      }
      this.#roundSince = undefined
    }
    this.#fetches.stopAll()
  }

  /** Rounds until nothing is left that can be done now. */
  async #rounds(signal: AbortSignal): Promise<void> {
    let before: ReadonlySet<string> = new Set()
    while (!signal.aborted) {
      const current = await observe(this.#parts.device.engine, this.#parts.device.settings.namespace)
      this.#current = current
      this.#parts.logs.follow(current)
      this.#publish()
      if (this.#target === undefined) return
      const steps = await this.#decide(current)
      const idle = steps.filter((step) => before.has(keyOf(step)))
      // Done and planned again: it had no effect. Without this we would spin.
      for (const step of idle) this.#patience.failed(keyOf(step), 'it had no effect')
      const due = steps.filter((step) => !this.#patience.rests(keyOf(step)))
      if (due.length === 0) return
      before = await this.#act(due, current, this.#target)
    }
  }

  async #decide(current: Current): Promise<Step[]> {
    const { memory } = this.#parts
    const wanted = this.#wanted
    const here = current.images.flatMap((image) => image.contents)
    await memory.keepOnly(
      new Set(wanted.map((app) => app.uuid)),
      new Set([...contentsOf(wanted), ...here, ...this.#fetches.contents]),
    )
    const commits = Object.entries(memory.running).map(([app, { commit }]) => [app, commit] as const)
    return plan(current, wanted, {
      fetching: this.#fetches.contents,
      fetched: memory.fetched,
      commits: Object.fromEntries(commits),
    })
  }

  /** Does the steps side by side, and gives the keys of those that went well. */
  async #act(steps: Step[], current: Current, target: TargetDevice): Promise<ReadonlySet<string>> {
    const { device, memory, logs } = this.#parts
    const around: Surroundings = await surroundingsOf(device, target.name, exists)
    const wanted = this.#wanted
    const done = new Set<string>()
    await Promise.all(
      steps.map(async (step) => {
        const key = keyOf(step)
        const end = this.#begin(step, current)
        try {
          await act({ device, memory, fetches: this.#fetches, logs, wanted, current, around }, step)
          if (step.do !== 'fetch') {
            this.#patience.succeeded(key)
            done.add(key)
          }
        } catch (error) {
          const wait = this.#patience.failed(key, reasonOf(error))
          log.warn(`cannot ${step.do}: ${reasonOf(error)}; again in ${wait / 1000} s`)
        } finally {
          end()
        }
      }),
    )
    return done
  }

  /** Notes what is being done, for the report. */
  #begin(step: Step, current: Current): () => void {
    const word = step.do === 'start' ? 'Starting' : step.do === 'stop' ? 'Stopping' : undefined
    if (word === undefined || !('service' in step)) return () => {}
    const container = current.containers.find((it) => 'container' in step && it.id === step.container)
    const app = 'app' in step ? step.app : container?.app
    const key = `${app}/${step.service}`
    this.#doing.set(key, word)
    this.#publish()
    return () => this.#doing.delete(key)
  }

  #fetched(content: string, trouble: string | null): void {
    const service = this.#wanted.flatMap((app) => app.services).find((it) => contentOf(it.image) === content)
    if (service !== undefined) {
      // Whatever service the plan would name for it, it rests under that name.
      const key = keyOf({ do: 'fetch', image: service.image, service: service.name })
      if (trouble === null) this.#patience.succeeded(key)
      else this.#patience.failed(key, trouble)
    }
    this.wake()
  }

  #publish(): void {
    if (this.#current === undefined || this.#target === undefined) return
    const { reporter, memory } = this.#parts
    reporter.update(
      describe(this.#current, this.#wanted, {
        progressOf: (content) => this.#fetches.progressOf(content),
        doing: this.#doing,
        running: memory.running,
        now: Date.now(),
      }),
    )
  }

  /** Ms until there is something to do without anybody ringing. */
  #untilNext(): number {
    const now = Date.now()
    const steady = (this.#current?.containers ?? [])
      .filter((it) => it.state === 'running' && !isSteady(it, now))
      .map((it) => it.startedAt + steadyAfter)
    const next = Math.min(this.#patience.next(now) ?? Infinity, ...steady, now + regularLook)
    return Math.max(0, next - now)
  }
}

function contentsOf(wanted: Wanted): Set<string> {
  return new Set(wanted.flatMap((app) => app.services.map((service) => service.content)))
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
