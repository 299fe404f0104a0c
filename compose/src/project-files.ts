// A project as it lies in a git tree or an archive: read by path, never from a disk, so that nothing can lead out of it.
import { cannot, ProjectError } from './project-error.ts'

export type ProjectEntry = {
  /** With slashes, relative to the top of the archive; `./` in front and `/` behind do no harm. */
  path: string
  type: 'file' | 'directory' | 'link'
  mode: number
  linkTarget?: string
}

/** What whoever unpacked the project offers. Of two entries with one path the later counts, as in tar. */
export interface ProjectFiles {
  list(): Iterable<ProjectEntry>
  /** The bytes of a regular file; `path` is one of those listed, spelt as listed. Links are not followed. */
  read(path: string): Promise<Buffer> | undefined
}

/** The same with clean paths, links looked up inside, and a limit to what is read. */
export type Tree = {
  entries: ReadonlyMap<string, ProjectEntry>
  /** The clean path of the regular file that `path` leads to. Throws a ProjectError where a link leads out or nowhere. */
  fileAt(path: string): string | undefined
  /** The clean path of the folder that `path` leads to, likewise. */
  folderAt(path: string): string | undefined
  /** UTF-8, without a byte order mark. Throws a ProjectError for more than `TEXT_LIMIT` bytes. */
  text(path: string): Promise<string | undefined>
  bytes(path: string): Promise<Buffer | undefined>
}

/** Bytes. No file that describes a project comes near. */
export const TEXT_LIMIT = 1024 * 1024

const MOST_LINKS = 40

export function treeOf(files: ProjectFiles): Tree {
  const entries = new Map<string, ProjectEntry>()
  const folders = new Set<string>([''])
  for (const entry of files.list()) {
    const path = cleanPath(entry.path)
    if (path === undefined) throw cannot(`take in ${entry.path}`, 'its path climbs out of the project')
    if (path === '') continue
    entries.set(path, entry)
    if (entry.type === 'directory') folders.add(path)
    for (let up = folderOf(path); !folders.has(up); up = folderOf(up)) folders.add(up)
  }

  function fileAt(path: string): string | undefined {
    const real = realPath(entries, path)
    return real !== undefined && entries.get(real)?.type === 'file' ? real : undefined
  }

  function folderAt(path: string): string | undefined {
    const real = realPath(entries, path)
    return real !== undefined && folders.has(real) ? real : undefined
  }

  async function bytes(path: string): Promise<Buffer | undefined> {
    const real = fileAt(path)
    const content = real === undefined ? undefined : await files.read(entries.get(real)!.path)
    if (content && content.length > TEXT_LIMIT) {
      throw cannot(`read ${path}`, `it is larger than ${TEXT_LIMIT} bytes · is it the right file?`, {
        file: path,
      })
    }
    return content
  }

  return {
    entries,
    fileAt,
    bytes,
    folderAt,
    text: async (path) => (await bytes(path))?.toString('utf8').replace(/^\uFEFF/, ''),
  }
}

/** Follows the links on the way to `path`, all of them inside the archive. Undefined where the way climbs out without a link. */
function realPath(entries: ReadonlyMap<string, ProjectEntry>, path: string): string | undefined {
  let real = cleanPath(path)
  if (real === undefined) return undefined
  for (let followed = 0; ; followed++) {
    const link = firstLink(entries, real)
    if (!link) return real
    if (followed === MOST_LINKS)
      throw cannot(`follow the link ${path}`, 'it goes round in a circle', { file: path })
    const target: string = entries.get(link)?.linkTarget ?? ''
    const rest: string = real.slice(link.length)
    const next: string | undefined = target.startsWith('/') ? undefined : joinPath(folderOf(link), target)
    if (next === undefined) {
      const why = `it points to ${target || 'nothing'}, outside of the project · commit the file itself`
      throw cannot(`follow the link ${link}`, why, { file: link })
    }
    real = cleanPath(next + rest)!
  }
}

function firstLink(entries: ReadonlyMap<string, ProjectEntry>, path: string): string | undefined {
  for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
    const part = end === -1 ? path : path.slice(0, end)
    if (entries.get(part)?.type === 'link') return part
    if (end === -1) return undefined
  }
}

/** `a/b` for `./a//x/../b/`, `''` for the top; undefined where it is absolute or climbs out. */
export function cleanPath(path: string): string | undefined {
  if (path.startsWith('/') || path.includes('\0')) return undefined
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

/** `path` seen from `folder`; undefined where it climbs out. */
export function joinPath(folder: string, path: string): string | undefined {
  return path.startsWith('/') ? undefined : cleanPath(`${folder}/${path}`.replace(/^\//, ''))
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** `path` as seen from `folder`, which contains it. */
export function pathInside(folder: string, path: string): string {
  return folder === '' ? path : path.slice(folder.length + 1)
}

export function isInside(folder: string, path: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`)
}

/** The text of a file that is welcome but not needed: a link that leads nowhere counts as no file, and `refused` hears why. */
export async function textIfAny(
  tree: Tree,
  path: string,
  refused: (why: string) => void,
): Promise<string | undefined> {
  try {
    return await tree.text(path)
  } catch (error) {
    if (!(error instanceof ProjectError)) throw error
    refused(error.message)
    return undefined
  }
}
