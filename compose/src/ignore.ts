// What of a context does not reach the build: ignore files as Docker reads them, and what no build should ever see.
import { cannot } from './project-error.ts'
import { cleanPath, joinPath, nameOf, type Tree } from './project-files.ts'
import { globOf, type Glob } from './glob.ts'

/** Takes paths seen from the context, with slashes; true for what stays out. */
export type Ignores = (path: string) => boolean

type Rule = { glob: Glob; keep: boolean }

const MOST_RULES = 1000
const LONGEST_RULE = 1024

/** `<dockerfile>.dockerignore` beside the Dockerfile counts instead of `.dockerignore` at the top of the context. */
export async function readIgnores(tree: Tree, context: string, dockerfile: string): Promise<Ignores> {
  for (const path of [`${dockerfile}.dockerignore`, joinPath(context, '.dockerignore')!]) {
    const text = await tree.text(path)
    if (text !== undefined) return ignoresOf(text, path)
  }
  return ignoresOf('')
}

/**
 * The last rule that meets a path, or a folder above it, decides. What defines the build always gets there, whatever the rules
 * say; `.git` and `.balena` never do, but for the emulator in the latter.
 */
export function ignoresOf(text: string, file = '.dockerignore'): Ignores {
  const rules = rulesOf(text, file)
  const hits = new Map<string, Uint8Array>()

  /** Which rules meet the path or a folder above it; kept for folders, of which many paths are children. */
  function hitsOf(path: string, isFolder: boolean): Uint8Array {
    const known = hits.get(path)
    if (known) return known
    const slash = path.lastIndexOf('/')
    const above = slash === -1 ? undefined : hitsOf(path.slice(0, slash), true)
    const found = new Uint8Array(rules.length)
    for (let index = 0; index < rules.length; index++)
      found[index] = above?.[index] || rules[index]!.glob(path) ? 1 : 0
    if (isFolder) hits.set(path, found)
    return found
  }

  return (written) => {
    const path = cleanPath(written)
    if (!path) return false
    if (neverBuilt(path)) return true
    if (rules.length === 0 || definesBuild(path)) return false
    const found = hitsOf(path, false)
    const last = found.lastIndexOf(1)
    return last !== -1 && !rules[last]!.keep
  }
}

function rulesOf(text: string, file: string): Rule[] {
  const rules: Rule[] = []
  text.split('\n').forEach((written, index) => {
    if (written.startsWith('#')) return
    const line = written.trim()
    const keep = line.startsWith('!')
    const pattern = cleanPattern(keep ? line.slice(1).trim() : line)
    if (pattern === '' || pattern === '.') return
    const glob = pattern.length > LONGEST_RULE ? undefined : globOf(pattern)
    if (!glob)
      throw cannot(
        `read the pattern ${line}`,
        `it is longer than ${LONGEST_RULE} characters, a bracket is not closed, or nothing follows a backslash`,
        {
          file,
          line: index + 1,
        },
      )
    rules.push({ glob, keep })
    if (rules.length > MOST_RULES)
      throw cannot('use the file', `it has more than ${MOST_RULES} patterns`, { file, line: index + 1 })
  })
  return rules
}

/** `/a/./b/` is `a/b`. A pattern that climbs out meets nothing. */
function cleanPattern(pattern: string): string {
  return cleanPath(pattern.replace(/^\/+/, '')) ?? ''
}

function definesBuild(path: string): boolean {
  return /^(?:Dockerfile(?:\..*)?|docker-compose\.ya?ml|\.dockerignore)$/.test(nameOf(path))
}

function neverBuilt(path: string): boolean {
  const parts = path.split('/')
  if (parts.includes('.git')) return true
  const settings = parts.findIndex((part) => part === '.balena' || part === '.resin')
  if (settings === -1 || settings === parts.length - 1) return false
  return !(parts[settings + 1] === 'qemu-execve' && settings + 2 === parts.length)
}
