// `balena.yml` of a project and `contract.yml` of a service. Contracts in the wild are loose: a fault is a warning, never a refusal.
import { contractOfLabels, type ServiceContract } from './labels.ts'
import { ProjectError, type Warning } from './project-error.ts'
import { joinPath, textIfAny, type Tree } from './project-files.ts'
import type { TextMap } from './values.ts'
import { parseYaml, plain, type Node } from './yaml.ts'

export type Contract = Record<string, unknown>

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/

/** The contract as JSON, or null; its version only when it is one. */
export async function readContract(
  tree: Tree,
  projectFolder: string,
  warnings: Warning[],
): Promise<{ contract: Contract | null; version?: string }> {
  const read = await readLoosely(tree, projectFolder, ['balena.yml', 'balena.yaml'], (text) =>
    warnings.push({ text }),
  )
  if (!read) return { contract: null }
  const versionNode = read.node.kind === 'map' ? read.node.entries.get('version') : undefined
  const version = versionNode?.kind === 'scalar' ? versionNode.source : undefined
  if (version === undefined) return { contract: read.contract }
  if (version.length <= 255 && SEMVER.test(version)) return { contract: read.contract, version }
  const line = versionNode?.where.line
  const text = `${read.file}: the version ${version} is not of the form 1.2.3 and is passed over`
  warnings.push({ text, ...(line ? { line } : {}) })
  return { contract: read.contract }
}

/** From `contract.yml` at the top of the service's context, and from its labels. */
export async function readServiceContract(
  tree: Tree,
  service: { name: string; context?: string; labels: TextMap },
  warnings: Warning[],
): Promise<ServiceContract | undefined> {
  const { name, context, labels } = service
  const warn = (text: string) => warnings.push({ text, service: name })
  const asked = contractOfLabels(name, labels, warnings)
  const read =
    context === undefined
      ? undefined
      : await readLoosely(tree, context, ['contract.yml', 'contract.yaml'], warn)
  if (!read) return asked
  if (
    typeof read.contract['name'] !== 'string' ||
    typeof read.contract['slug'] !== 'string' ||
    read.contract['type'] !== 'sw.container'
  ) {
    warn(`${read.file} is passed over: it must have name, slug, and type sw.container`)
    return asked
  }
  const own = Array.isArray(read.contract['requires']) ? read.contract['requires'] : []
  return asked ? { ...read.contract, requires: [...own, ...(asked.requires as unknown[])] } : read.contract
}

async function readLoosely(
  tree: Tree,
  folder: string,
  names: string[],
  warn: (text: string) => void,
): Promise<{ contract: Contract; node: Node; file: string } | undefined> {
  for (const name of names) {
    const file = joinPath(folder, name)!
    const text = await textIfAny(tree, file, warn)
    if (text === undefined) continue
    try {
      const node = parseYaml(text, file)
      if (node.kind === 'map') return { contract: plain(node) as Contract, node, file }
      warn(`${file} is passed over: it is no map`)
    } catch (error) {
      if (!(error instanceof ProjectError)) throw error
      warn(`${file} is passed over: ${error.message}`)
    }
    return undefined
  }
  return undefined
}
