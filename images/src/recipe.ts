// An image, as data: what it stands on, what is put into it, and how it starts.
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Healthcheck } from '@copal/engine/containers.ts'
import type { Arch } from './catalogue.ts'
import { rootKey } from './make-root.ts'

export interface Recipe {
  /** The image's repository, such as `copal/amd64-node`. */
  name: string
  /** Tags for people, beside the one that is the key. */
  tags: string[]
  arch: Arch
  /** What it stands on; a root of its processor when absent. */
  from?: Recipe
  /** Debian packages. */
  packages: string[]
  /** Folders whose files are laid over the image's root, in this order; times and owners do not count. */
  files: string[]
  /** Shell lines that run in the image at last. */
  script?: string
  /** All layers are made one, so that what the script removes takes no room: for what must be small. */
  flat?: true
  config: ImageConfig
}

/** The parts of an image's configuration that we set (OCI image specification, "config"). */
export interface ImageConfig {
  Env?: string[]
  Entrypoint?: string[]
  Cmd?: string[]
  StopSignal?: string
  Volumes?: Record<string, object>
  Labels?: Record<string, string>
  Healthcheck?: Healthcheck
}

/** Twelve hex digits of all that the image is made of: an unchanged recipe has its image already. */
export async function recipeKey(recipe: Recipe): Promise<string> {
  const hash = createHash('sha256')
  hash.update(recipe.from ? await recipeKey(recipe.from) : rootKey(recipe.arch))
  const { name, packages, script, flat, config } = recipe
  hash.update(JSON.stringify({ name, packages, script, flat, config, version: 1 }))
  for (const folder of recipe.files) {
    for (const file of await filesBelow(folder)) {
      const path = join(folder, file)
      const { mode } = await stat(path)
      hash.update(`\0${file}\0${mode & 0o100 ? 'x' : '-'}\0`)
      hash.update(await readFile(path))
    }
  }
  return hash.digest('hex').slice(0, 12)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()
}
