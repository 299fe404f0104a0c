// A project, read before anything is built: what runs on devices, what is to be built for it, and how.
import type { Architecture } from './architectures.ts'
import { readBuild, type Build, type Building } from './build.ts'
import { defaultComposition, readComposition, type Composition, type ReadComposition } from './composition.ts'
import { readContract, readServiceContract, type Contract } from './contract.ts'
import { parseImageReference } from './image-reference.ts'
import type { ServiceContract } from './labels.ts'
import { cannot, type Warning } from './project-error.ts'
import { joinPath, treeOf, type ProjectFiles, type Tree } from './project-files.ts'
import type { ComposedService } from './service.ts'
import { readSettings, type Settings } from './settings.ts'
import type { TextMap } from './values.ts'
import { filesNamedBy, variablesOf } from './variables.ts'
import type { Node } from './yaml.ts'

export type ProjectFacts = {
  arch: Architecture
  deviceType: string
  /** Name of the fleet (`app_name`). */
  fleet: string
  commit: string
  /** The fleet's own; they win over those of the project. */
  buildVariables: Readonly<Record<string, string>>
  /** Folder of the archive that holds the project, where that is not its top. */
  projectDirectory?: string
  /** Of a project without a compose file. */
  dockerfilePath?: string
  /** The fleet's setting that leaves every `$` of its compose files as it is. */
  keepDollars?: boolean
}

export type ProjectService = {
  name: string
  /** Of a service that is not built. */
  image?: string
  build?: Build
  labels: TextMap
  environment: TextMap
  contract?: ServiceContract
}

export type Project = {
  composition: Composition
  services: ProjectService[]
  contract: Contract | null
  version?: string
  settings: Settings
  warnings: Warning[]
}

const MOST_WARNINGS = 200

/** Reads everything that says how a project is built and run. Throws a ProjectError, and nothing else, for what its author can mend. */
export async function readProject(files: ProjectFiles, facts: ProjectFacts): Promise<Project> {
  const tree = treeOf(files)
  const folder = tree.folderAt(facts.projectDirectory ?? '')
  if (folder === undefined) {
    throw cannot('read the project', `there is no folder ${facts.projectDirectory} in what was pushed`)
  }
  const warnings: Warning[] = []
  const { composition, lines, file } = await compositionOf(tree, folder, facts, warnings)
  const settings = await readSettings(tree, folder, warnings)
  for (const name of Object.keys({
    ...settings.buildVariables.services,
    ...settings.buildSecrets.services,
  })) {
    if (!Object.hasOwn(composition.services, name))
      warnings.push({ text: `the build settings name a service ${name}, which does not exist` })
  }
  const services: ProjectService[] = []
  for (const [name, composed] of Object.entries(composition.services)) {
    const line = lines.get(name)
    const where = { ...(file ? { file } : {}), ...(line ? { line } : {}), service: name }
    services.push(await serviceOf({ tree, folder, facts, settings, warnings }, name, composed, where))
  }
  const { contract, version } = await readContract(tree, folder, warnings)
  return {
    composition,
    services,
    contract,
    ...(version ? { version } : {}),
    settings,
    warnings: fewEnough(warnings),
  }
}

async function compositionOf(
  tree: Tree,
  folder: string,
  facts: ProjectFacts,
  warnings: Warning[],
): Promise<ReadComposition & { file?: string }> {
  for (const name of ['docker-compose.yml', 'docker-compose.yaml']) {
    const file = joinPath(folder, name)!
    const written = await tree.text(file)
    if (written === undefined) continue
    if (facts.dockerfilePath)
      warnings.push({
        text: `the Dockerfile ${facts.dockerfilePath} is passed over: ${name} says what is built`,
      })
    const variables = await variablesOf(tree, folder, facts.buildVariables, warnings)
    const keepDollars = facts.keepDollars ?? false
    const filesOf = (service: Node) =>
      filesNamedBy(service, { tree, folder, variables, warnings, keepDollars })
    return {
      ...(await readComposition({ text: written, file, variables, keepDollars, warnings, filesOf })),
      file,
    }
  }
  return { composition: defaultComposition(facts.dockerfilePath || undefined), lines: new Map() }
}

type Reading = Building & { warnings: Warning[] }
type Place = { file?: string; line?: number; service: string }

async function serviceOf(
  reading: Reading,
  name: string,
  composed: ComposedService,
  where: Place,
): Promise<ProjectService> {
  const { image } = composed
  const labels = composed.labels ?? {}
  const build = composed.build && (await readBuild(reading, composed.build, where))
  if (image !== undefined && !build && !parseImageReference(image)) {
    throw cannot(`pull ${image || 'an image'}`, 'it is no name of an image · write repository:tag', where)
  }
  const contract = await readServiceContract(
    reading.tree,
    { name, labels, ...(build ? { context: build.context } : {}) },
    reading.warnings,
  )
  return {
    name,
    // Beside a build, compose means by `image` a name for the result, never something to pull.
    ...(build ? { build } : { image: image! }),
    labels,
    environment: composed.environment ?? {},
    ...(contract ? { contract } : {}),
  }
}

function fewEnough(warnings: Warning[]): Warning[] {
  if (warnings.length <= MOST_WARNINGS) return warnings
  return [
    ...warnings.slice(0, MOST_WARNINGS),
    { text: `and ${warnings.length - MOST_WARNINGS} more warnings` },
  ]
}
