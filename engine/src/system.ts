// The engine itself: is it there, what is it, what happens on it.
import type { Engine } from './engine.ts'
import type { Filters } from './filters.ts'
import { jsonLines } from './streams.ts'

export interface EngineVersion {
  Version: string
  ApiVersion: string
  Os: string
  Arch: string
  KernelVersion: string
}

export interface EngineInfo {
  ID: string
  Driver: string
  DockerRootDir: string
  CgroupVersion?: string
  OSType: string
  Architecture: string
  NCPU: number
  MemTotal: number
  ServerVersion: string
  OperatingSystem: string
  LoggingDriver: string
  Runtimes: Record<string, unknown>
}

export interface EngineEvent {
  Type: string
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  /** Seconds. */
  time: number
  timeNano: number
}

/** @throws EngineError when the engine does not answer */
export async function ping(engine: Engine, signal?: AbortSignal): Promise<void> {
  await engine.done('GET', '/_ping', { signal })
}

export function version(engine: Engine): Promise<EngineVersion> {
  return engine.json('GET', '/version')
}

export function info(engine: Engine): Promise<EngineInfo> {
  return engine.json('GET', '/info')
}

export interface EventsOptions {
  filters?: Filters | undefined
  /** Seconds since 1970, with a fraction if need be: what happened since then comes first. */
  since?: number | string | undefined
  /** With `until` the stream ends there, else it goes on until aborted. */
  until?: number | string | undefined
  signal?: AbortSignal | undefined
}

/** What happens on the engine, as it happens. Ends when the engine stops; throws the signal's reason when aborted. */
export async function* events(engine: Engine, options: EventsOptions = {}): AsyncGenerator<EngineEvent> {
  const { filters, since, until, signal } = options
  yield* jsonLines<EngineEvent>(
    await engine.request('GET', '/events', { query: { filters, since, until }, signal }),
  )
}

export interface DiskUsage {
  LayersSize: number
  Images: { Id: string; Size: number; SharedSize: number }[] | null
  Containers: { Id: string; SizeRw?: number }[] | null
  Volumes: { Name: string; UsageData?: { Size: number; RefCount: number } | null }[] | null
  BuildCache?: { ID: string; Size: number; InUse: boolean }[] | null
}

/** What takes how many bytes. Slow on a full engine: it walks the disk. */
export function diskUsage(engine: Engine, signal?: AbortSignal): Promise<DiskUsage> {
  return engine.json('GET', '/system/df', { signal })
}
