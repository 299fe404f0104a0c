// `.balena/` (formerly `.resin/`) at the top of a project: variables and secrets for its builds, and logins to registries.
import { cannot, type Warning } from './project-error.ts'
import { joinPath, type Tree } from './project-files.ts'
import { entries, isNull, items, onlyKeys, refuse, text, type TextMap } from './values.ts'
import { parseYaml, type Node } from './yaml.ts'

/** To be mounted at `/run/secrets/<dest>` while building, and never to be part of an image. */
export type BuildSecret = { source: string; dest: string; content: Buffer }
export type Login = { username: string; password: string }

export type Settings = {
  buildVariables: { global: TextMap; services: Record<string, TextMap> }
  buildSecrets: { global: BuildSecret[]; services: Record<string, BuildSecret[]> }
  /** By host[:port]; the empty name is the hub. */
  registrySecrets: Record<string, Login>
}

/** Throws a ProjectError for both folders at once, several settings files, a secret without its file, and values of a wrong form. */
export async function readSettings(
  tree: Tree,
  projectFolder: string,
  warnings: Warning[],
): Promise<Settings> {
  const settings: Settings = {
    buildVariables: { global: {}, services: {} },
    buildSecrets: { global: [], services: {} },
    registrySecrets: {},
  }
  const folder = settingsFolder(tree, projectFolder)
  if (!folder) return settings

  const file = onlyOne(tree, folder.path, ['balena', 'resin'])
  if (file) {
    const root = parseYaml((await tree.text(file))!, file)
    for (const [key, value] of entries(root)) {
      if (key === 'build-variables') settings.buildVariables = buildVariables(value)
      else if (key === 'build-secrets') settings.buildSecrets = await buildSecrets(value, tree, folder.path)
      else
        warnings.push({
          text: `${file}: ${key} is not known and has no effect`,
          ...(value.where.line ? { line: value.where.line } : {}),
        })
    }
  }
  const logins = onlyOne(tree, folder.path, ['registry-secrets'])
  if (logins) settings.registrySecrets = registrySecrets(parseYaml((await tree.text(logins))!, logins))
  return settings
}

function settingsFolder(tree: Tree, projectFolder: string): { path: string } | undefined {
  const found = ['.balena', '.resin']
    .map((name) => joinPath(projectFolder, name)!)
    .filter((path) => tree.folderAt(path) !== undefined)
  if (found.length > 1)
    throw cannot('read the build settings', 'there are both .balena and .resin · keep .balena')
  return found[0] === undefined ? undefined : { path: found[0] }
}

function onlyOne(tree: Tree, folder: string, names: string[]): string | undefined {
  const paths = names.flatMap((name) =>
    ['yml', 'yaml', 'json'].map((ending) => `${folder}/${name}.${ending}`),
  )
  const found = paths.filter((path) => tree.fileAt(path) !== undefined)
  if (found.length > 1) throw cannot('read the build settings', `there are ${found.join(' and ')} · keep one`)
  return found[0]
}

function buildVariables(node: Node): Settings['buildVariables'] {
  const { global, services } = parts(node)
  return {
    global: global ? variables(global) : {},
    services: Object.fromEntries([...services].map(([name, value]) => [name, variables(value)])),
  }
}

/** A list of `NAME=value` with something behind the `=`, or a map of text. */
function variables(node: Node): TextMap {
  if (node.kind === 'list') {
    return Object.fromEntries(
      node.items.map((item) => {
        const [, name, value] = /^([^=]+)=([^]+)$/.exec(text(item)) ?? []
        return name
          ? [name, value!]
          : refuse(item, `${text(item)} is not of the form NAME=value, with a value`)
      }),
    )
  }
  return Object.fromEntries(
    [...entries(node)].map(([name, value]) => {
      const isText = value.kind === 'scalar' && typeof value.value === 'string'
      return [name, isText ? text(value) : refuse(value, 'it must be text · put it in quotes')]
    }),
  )
}

async function buildSecrets(node: Node, tree: Tree, folder: string): Promise<Settings['buildSecrets']> {
  const { global, services } = parts(node)
  const out: Settings['buildSecrets'] = {
    global: global ? await secrets(global, tree, folder) : [],
    services: {},
  }
  for (const [name, value] of services) out.services[name] = await secrets(value, tree, folder)
  return out
}

async function secrets(node: Node, tree: Tree, folder: string): Promise<BuildSecret[]> {
  const out: BuildSecret[] = []
  for (const item of items(node)) {
    onlyKeys(item, ['source', 'dest'])
    const [source, dest] = ['source', 'dest'].map((key) => {
      const value = entries(item).get(key)
      return value ? text(value) : refuse(item, `it has no ${key}`)
    }) as [string, string]
    if (!joinPath('', dest) || dest.split('/').includes('..'))
      refuse(item, `${dest} is no name below /run/secrets`)
    const path = joinPath(`${folder}/secrets`, source)
    const content = path?.startsWith(`${folder}/secrets/`) ? await tree.bytes(path) : undefined
    if (!content) {
      refuse(
        item,
        `there is no file ${folder}/secrets/${source} · commit it, or push with it in place if it is made by a step before`,
      )
    }
    out.push({ source, dest, content })
  }
  return out
}

function registrySecrets(node: Node): Settings['registrySecrets'] {
  return Object.fromEntries(
    [...entries(node)].map(([host, login]) => {
      onlyKeys(login, ['username', 'password'])
      const [username, password] = ['username', 'password'].map((key) => {
        const value = entries(login).get(key)
        return value ? text(value) : refuse(login, `it has no ${key}`)
      }) as [string, string]
      return [host, { username, password }]
    }),
  )
}

function parts(node: Node): { global: Node | undefined; services: Map<string, Node> } {
  onlyKeys(node, ['global', 'services'])
  const global = entries(node).get('global')
  const services = entries(node).get('services')
  return {
    global: global && !isNull(global) ? global : undefined,
    services: new Map(services ? entries(services) : []),
  }
}
