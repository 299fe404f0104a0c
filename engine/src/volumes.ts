import type { Engine } from './engine.ts'
import type { Filters } from './filters.ts'

export interface VolumeSpec {
  Name: string
  Driver?: string
  DriverOpts?: Record<string, string>
  Labels?: Record<string, string>
}

export interface Volume {
  Name: string
  Driver: string
  Mountpoint: string
  Labels: Record<string, string> | null
  Options: Record<string, string> | null
  CreatedAt?: string
}

export async function listVolumes(engine: Engine, filters?: Filters): Promise<Volume[]> {
  const answer = await engine.json<{ Volumes: Volume[] | null }>('GET', '/volumes', { query: { filters } })
  return answer.Volumes ?? []
}

export function inspectVolume(engine: Engine, name: string): Promise<Volume> {
  return engine.json('GET', `/volumes/${encodeURIComponent(name)}`)
}

/** A volume of that name that exists is taken as it is, whatever its labels. */
export function createVolume(engine: Engine, spec: VolumeSpec): Promise<Volume> {
  return engine.json('POST', '/volumes/create', { body: spec })
}

/** 409 while a container, running or not, has it. */
export function removeVolume(engine: Engine, name: string, force = false): Promise<void> {
  return engine.done('DELETE', `/volumes/${encodeURIComponent(name)}`, { query: { force } })
}

/** Removes unused volumes that fit; gives their names. */
export async function pruneVolumes(engine: Engine, filters?: Filters): Promise<string[]> {
  const answer = await engine.json<{ VolumesDeleted: string[] | null }>('POST', '/volumes/prune', {
    query: { filters },
  })
  return answer.VolumesDeleted ?? []
}
