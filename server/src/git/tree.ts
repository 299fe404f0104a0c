// The source tree of a commit, read from git's objects; nothing is ever checked out on the server's disk.
import { Readable } from 'node:stream'
import { runGit, streamGit, type Objects } from './program.ts'

export interface Submodule {
  path: string
  /** As `.gitmodules` says; undefined when that names none. */
  url: string | undefined
}

/**
 * The tree as a tar stream: mode bits and links as they are committed, links never followed, submodules as empty folders.
 * Times are those of the commit, so the same commit gives the same bytes. Fails, rather than ends, when git does.
 */
export function treeOf(
  folder: string,
  commit: string,
  options: { env?: Objects; signal?: AbortSignal } = {},
): Readable {
  return Readable.from(streamGit(folder, ['archive', '--format=tar', commit], options), { objectMode: false })
}

/** What the tree names but does not hold: gitlinks, with the addresses that `.gitmodules` gives them. */
export async function submodulesOf(folder: string, commit: string, env?: Objects): Promise<Submodule[]> {
  const options = env ? { env } : {}
  const paths: string[] = []
  let rest = ''
  for await (const chunk of streamGit(folder, ['ls-tree', '-r', '-z', commit], options)) {
    const entries = (rest + chunk.toString('latin1')).split('\0')
    rest = entries.pop()!
    for (const entry of entries)
      if (entry.startsWith('160000 '))
        paths.push(Buffer.from(entry.slice(entry.indexOf('\t') + 1), 'latin1').toString())
  }
  if (paths.length === 0) return []
  const urls = await submoduleUrls(folder, commit, options)
  return paths.map((path) => ({ path, url: urls.get(path) }))
}

async function submoduleUrls(
  folder: string,
  commit: string,
  options: { env?: Objects },
): Promise<Map<string, string>> {
  const args = [
    'config',
    '-z',
    '--blob',
    `${commit}:.gitmodules`,
    '--get-regexp',
    String.raw`^submodule\..*\.(path|url)$`,
  ]
  const listed = await runGit(folder, args, options).catch(() => '') // there is none, or nobody can read it
  const modules = new Map<string, { path?: string; url?: string }>()
  for (const entry of listed.split('\0').filter(Boolean)) {
    const [key, ...value] = entry.split('\n')
    const dot = key!.lastIndexOf('.')
    const module = modules.get(key!.slice(0, dot)) ?? {}
    modules.set(key!.slice(0, dot), { ...module, [key!.slice(dot + 1)]: value.join('\n') })
  }
  return new Map([...modules.values()].flatMap(({ path, url }) => (path && url ? [[path, url]] : [])))
}
