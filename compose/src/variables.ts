// Where variables of a compose file come from: what was pushed and what the fleet says, nothing of this machine.
import { parseEnvFile } from './env-file.ts'
import type { Variables } from './interpolate.ts'
import { ProjectError, type Warning } from './project-error.ts'
import { joinPath, textIfAny, type Tree } from './project-files.ts'
import type { Surroundings } from './service.ts'
import { entries, isNull, refuse, text } from './values.ts'
import type { Node } from './yaml.ts'

/** The fleet's build variables over a committed `.env`; nothing of this machine's environment. */
export async function variablesOf(
  tree: Tree,
  folder: string,
  buildVariables: Readonly<Record<string, string>>,
  warnings: Warning[],
): Promise<Variables> {
  const file = joinPath(folder, '.env')!
  const given = new Map(Object.entries(buildVariables))
  const written = await textIfAny(tree, file, (why) => warnings.push({ text: `.env is passed over: ${why}` }))
  if (written === undefined) return given
  try {
    return new Map([...parseEnvFile(written, file, given, warnings), ...given])
  } catch (error) {
    // Nobody asked for this file: it may be there for something else.
    if (!(error instanceof ProjectError)) throw error
    warnings.push({ text: `.env is passed over: ${error.message}` })
    return given
  }
}

export type EnvFiles = {
  tree: Tree
  folder: string
  variables: Variables
  warnings: Warning[]
  keepDollars: boolean
}

export async function filesNamedBy(service: Node, around: EnvFiles): Promise<Surroundings['fromFiles']> {
  const read = async (key: string) => {
    const named = service.kind === 'map' ? service.entries.get(key) : undefined
    return named && !isNull(named) ? envFiles(named, around) : new Map<string, string>()
  }
  return { environment: await read('env_file'), labels: await read('label_file') }
}

/** One path or several, or `{ path, required }`; later files win. */
async function envFiles(
  named: Node,
  { tree, folder, variables, warnings, keepDollars }: EnvFiles,
): Promise<Map<string, string>> {
  const out = new Map<string, string>()
  for (const item of named.kind === 'list' ? named.items : [named]) {
    const pathNode = item.kind === 'map' ? entries(item).get('path') : item
    const path = pathNode ? text(pathNode) : refuse(item, 'it has no path')
    const inside = joinPath(folder, path)
    if (inside === undefined) return refuse(item, `${path} is outside of the project`)
    const written = await tree.text(inside)
    const required = item.kind === 'map' ? entries(item).get('required') : undefined
    if (written === undefined && !(required?.kind === 'scalar' && required.value === false))
      refuse(item, `there is no file ${path}`)
    for (const [key, value] of parseEnvFile(written ?? '', inside, variables, warnings, keepDollars))
      out.set(key, value)
  }
  return out
}
