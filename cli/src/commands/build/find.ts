import { findFleet } from '../../find.ts'
import { ask } from '../../http.ts'
import { Problem } from '../../problem.ts'
import type { Settings } from '../../settings.ts'

/** As `/builds/v1` tells it. */
export interface Build {
  id: number
  fleet: string
  status: 'waiting' | 'running' | 'success' | 'failed' | 'cancelled' | 'interrupted'
  commit: string
  release: number | null
  user: string | null
  error_message: string | null
  created_at: string
  started_at: string | null
  ended_at: string | null
}

export const isOver = (build: Build) => build.status !== 'waiting' && build.status !== 'running'

/** The build by its number, or the newest of a fleet. */
export async function findBuild(settings: Settings, name: string): Promise<Build> {
  if (/^\d+$/.test(name)) return ask(settings, `/builds/v1/${name}`)
  const fleet = await findFleet(settings, name)
  const [newest] = await fleetBuilds(settings, fleet.slug, 1)
  if (!newest) throw new Problem(`cannot find a build of ${fleet.slug}: nothing was pushed to it yet`)
  return newest
}

/** The newest first; of all fleets that one may see when none is given. At most 100. */
export async function fleetBuilds(
  settings: Settings,
  fleet: string | undefined,
  limit: number,
): Promise<Build[]> {
  const query = new URLSearchParams({ limit: String(limit), ...(fleet && { fleet }) })
  return (await ask(settings, `/builds/v1?${query}`)).builds
}
