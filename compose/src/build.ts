// How one service is built: its context, its Dockerfile, and what the build is told.
import type { BuildSection } from './build-section.ts'
import { chooseDockerfile, type Dockerfile } from './choose-dockerfile.ts'
import { withBuiltInFrontEnd } from './front-end.ts'
import { readIgnores, type Ignores } from './ignore.ts'
import { cannot, type Where } from './project-error.ts'
import {
  isInside,
  joinPath,
  pathInside,
  treeOf,
  type ProjectEntry,
  type ProjectFiles,
  type Tree,
} from './project-files.ts'
import type { ProjectFacts } from './read-project.ts'
import type { Settings } from './settings.ts'
import type { TextMap } from './values.ts'

export type Build = {
  /** Folder of the archive; empty for its top. */
  context: string
  dockerfile: Dockerfile
  args: TextMap
  target?: string
  labels?: TextMap
  cacheFrom?: string[]
  shmSize?: number | string
  extraHosts?: string[]
  ignores: Ignores
}

export type Building = { tree: Tree; folder: string; facts: ProjectFacts; settings: Settings }

/**
 * Of arguments with one name, the fleet's win over those of `.balena` (a service's over global ones), and these over the compose
 * file's. `where` is for sentences.
 */
export async function readBuild(
  { tree, folder, facts, settings }: Building,
  section: BuildSection,
  where: Where & { service: string },
): Promise<Build> {
  const path = joinPath(folder, section.context)
  if (path === undefined)
    throw cannot(`build in ${section.context}`, 'it is outside of what was pushed', where)
  const context = tree.folderAt(path) ?? path
  const dockerfile = await chooseDockerfile({
    tree,
    context,
    ...(section.dockerfile ? { dockerfile: section.dockerfile } : {}),
    facts: {
      arch: facts.arch,
      deviceType: facts.deviceType,
      fleet: facts.fleet,
      commit: facts.commit,
      service: where.service,
    },
  })
  const { global, services } = settings.buildVariables
  const own = Object.hasOwn(services, where.service) ? services[where.service] : {}
  const args = { ...section.args, ...global, ...own, ...facts.buildVariables }
  return {
    context,
    dockerfile,
    args: withBuiltInFrontEnd(dockerfile.content, args, { file: dockerfile.path, service: where.service }),
    ...(section.target ? { target: section.target } : {}),
    ...(section.labels ? { labels: section.labels } : {}),
    ...(section.cache_from ? { cacheFrom: section.cache_from } : {}),
    ...(section.shm_size !== undefined ? { shmSize: section.shm_size } : {}),
    ...(section.extra_hosts ? { extraHosts: section.extra_hosts } : {}),
    ignores: await readIgnores(tree, context, dockerfile.path),
  }
}

/** What to send to the engine, with paths as seen from the context. Links are sent as links: the engine never follows them out. */
export function* contextOf(
  files: ProjectFiles,
  build: Build,
): Iterable<{ path: string; entry: ProjectEntry }> {
  for (const [whole, entry] of treeOf(files).entries) {
    if (whole === build.context || !isInside(build.context, whole)) continue
    const path = pathInside(build.context, whole)
    if (!build.ignores(path)) yield { path, entry }
  }
}
