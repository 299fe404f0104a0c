// Which of several files builds a service: device type before architecture before template before plain.
import { ARCHITECTURES, type Architecture } from './architectures.ts'
import { cannot } from './project-error.ts'
import { folderOf, joinPath, nameOf, type Tree } from './project-files.ts'
import { fillTemplate, type TemplateFacts } from './template.ts'

/** The wire's words for `image.project_type`. */
export type ProjectType =
  | 'Architecture-specific Dockerfile'
  | 'Dockerfile.template'
  | 'Standard Dockerfile'
  | 'NodeJS'

export type Dockerfile = {
  /** Where it lies in the archive; for a project without one, where it would. */
  path: string
  /** With template variables filled in: what the engine is to build. */
  content: string
  kind: ProjectType
}

export type Choice = {
  tree: Tree
  /** Folder in the archive. */
  context: string
  /** As the compose file names it, seen from the context. */
  dockerfile?: string
  facts: TemplateFacts
}

/**
 * An explicit name is tried with the same endings before it is taken as it is, so that it may also name a template itself.
 * Throws a ProjectError that names what is missing, and for which architectures there is a file.
 */
export async function chooseDockerfile(choice: Choice): Promise<Dockerfile> {
  const { tree, context, facts } = choice
  const base = joinPath(context, choice.dockerfile ?? 'Dockerfile')
  if (base === undefined) throw noDockerfile(choice, `${choice.dockerfile} is outside of the project`)
  const candidates: [string, ProjectType][] = [
    [`${base}.${facts.deviceType}`, 'Architecture-specific Dockerfile'],
    [`${base}.${facts.arch}`, 'Architecture-specific Dockerfile'],
    [`${base}.template`, 'Dockerfile.template'],
    [base, kindOf(nameOf(base), facts)],
  ]
  for (const [path, kind] of candidates) {
    const text = await tree.text(path)
    if (text === undefined) continue
    // A suffix makes a template of a file, also one that was named by hand for another device type.
    const content = nameOf(path).includes('.') ? fillTemplate(text, path, facts) : text
    if (content.trim() === '') throw noDockerfile(choice, `${path} is empty`)
    return { path, content, kind }
  }
  if (!choice.dockerfile && tree.fileAt(joinPath(context, 'package.json')!)) {
    return { path: base, content: nodeDockerfile(choice), kind: 'NodeJS' }
  }
  throw noDockerfile(choice, missing(choice, base))
}

function kindOf(name: string, facts: TemplateFacts): ProjectType {
  const ending = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1) : ''
  if (ending === 'template') return 'Dockerfile.template'
  return ending === facts.arch || ending === facts.deviceType
    ? 'Architecture-specific Dockerfile'
    : 'Standard Dockerfile'
}

function missing({ tree, context, facts, dockerfile }: Choice, base: string): string {
  const folder = context || 'the top of the project'
  const endings = [...tree.entries.values()]
    .map((entry) => entry.path.replace(/^\.\//, ''))
    .filter((path) => folderOf(path) === folderOf(base) && path.startsWith(`${base}.`))
    .map((path) => path.slice(base.length + 1))
    .filter(
      (ending) =>
        /^[a-z0-9-]+$/.test(ending) &&
        (ARCHITECTURES.includes(ending as Architecture) || ending.includes('-') || /\d/.test(ending)),
    )
  if (endings.length) {
    return `there is none for ${facts.deviceType} (${facts.arch}), only for ${endings.toSorted().join(', ')} · add ${nameOf(base)}.${facts.arch}, or ${nameOf(base)}.template for all`
  }
  if (dockerfile) return `there is no ${dockerfile} in ${folder}`
  if (tree.folderAt(context) === undefined)
    return `there is no folder ${folder} · git submodules are not fetched, and empty folders do not travel`
  const empty = ![...tree.entries.keys()].some((path) => path.startsWith(`${context}/`))
  if (context && empty)
    return `the folder ${folder} is empty · git submodules are not fetched: commit the files themselves`
  return `there is no Dockerfile, Dockerfile.template, Dockerfile.${facts.arch} or package.json in ${folder} · add one`
}

function noDockerfile({ facts }: Choice, why: string): Error {
  return cannot('find a Dockerfile', why, { service: facts.service })
}

/** A project of `package.json` alone is installed on Copal's Node base and runs `npm start`. */
function nodeDockerfile(choice: Choice): string {
  const { arch } = choice.facts
  if (arch === 'i386' || arch === 'i386-nlp') {
    throw noDockerfile(choice, `there is no ready Node.js base for ${arch} · add a Dockerfile`)
  }
  const locked = ['package-lock.json', 'npm-shrinkwrap.json'].some((name) =>
    choice.tree.fileAt(joinPath(choice.context, name)!),
  )
  return [
    `FROM copal/${arch}-node:20`,
    'WORKDIR /usr/src/app',
    'COPY package*.json npm-shrinkwrap.jso[n] ./',
    `RUN npm ${locked ? 'ci' : 'install'} --omit=dev`,
    'COPY . ./',
    'CMD ["npm", "start"]',
    '',
  ].join('\n')
}
