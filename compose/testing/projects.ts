// Projects for tests: a folder of compose/fixtures, or one written down in the test.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProjectEntry, ProjectFiles } from '../src/project-files.ts'
import { readProject, type Project, type ProjectFacts } from '../src/read-project.ts'

export const FIXTURES = join(import.meta.dirname, '../fixtures')

/** Every fixture, by the name of its folder. */
export function fixtureNames(): string[] {
  return readdirSync(FIXTURES).toSorted()
}

export function fixture(name: string): ProjectFiles {
  const root = join(FIXTURES, name)
  return {
    list: () => entriesBelow(root, ''),
    read: (path) => readFile(join(root, path)),
  }
}

/** Links are listed and not followed. */
function* entriesBelow(root: string, folder: string): Generator<ProjectEntry> {
  for (const name of readdirSync(join(root, folder)).toSorted()) {
    const path = join(folder, name)
    const stats = lstatSync(join(root, path))
    const mode = stats.mode & 0o777
    if (stats.isSymbolicLink()) yield { path, type: 'link', mode, linkTarget: readlinkSync(join(root, path)) }
    else if (!stats.isDirectory()) yield { path, type: 'file', mode }
    else {
      yield { path, type: 'directory', mode }
      yield* entriesBelow(root, path)
    }
  }
}

/** Files by path; `{ to }` is a link. */
export function written(files: Record<string, string | Buffer | { to: string }>): ProjectFiles {
  return {
    list: () =>
      Object.entries(files).map(([path, content]) => {
        const isLink = typeof content === 'object' && 'to' in content
        if (isLink) return { path, type: 'link', mode: 0o777, linkTarget: content.to } as const
        return { path, type: 'file', mode: 0o644 } as const
      }),
    read: async (path) => Buffer.from(files[path] as string),
  }
}

export function facts(changes: Partial<ProjectFacts> = {}): ProjectFacts {
  return {
    arch: 'amd64',
    deviceType: 'genericx86-64-ext',
    fleet: 'kiosk',
    commit: '3f9d0c1a'.repeat(5),
    buildVariables: {},
    ...changes,
  }
}

export function read(files: ProjectFiles, changes: Partial<ProjectFacts> = {}): Promise<Project> {
  return readProject(files, facts(changes))
}

/** A compose file alone, its services all of ready images. */
export function readCompose(text: string, changes: Partial<ProjectFacts> = {}): Promise<Project> {
  return read(written({ 'docker-compose.yml': text }), changes)
}
