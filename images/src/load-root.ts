// A root's tar becomes an image of one layer. We write the archive ourselves, in the form that `docker load` takes:
// an engine's import writes its own processor into every image (Engine 20.10), and a wrong one follows an image
// for ever.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Engine } from '@copal/engine/engine.ts'
import { loadImages } from '@copal/engine/images.ts'
import { pack } from 'tar-stream'
import { architectures, packagesAsOf } from './catalogue.ts'
import type { Arch } from './catalogue.ts'
import type { ImageConfig } from './recipe.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * @param tar path of the root's tar, not compressed
 * @param name repository and tag that the image gets
 */
export async function loadRoot(
  engine: Engine,
  tar: string,
  name: string,
  arch: Arch,
  settings: ImageConfig = {},
): Promise<void> {
  const [{ size }, digest] = await Promise.all([stat(tar), digestOf(tar)])
  const created = new Date(packagesAsOf).toISOString()
  const config = JSON.stringify({
    ...architectures[arch].docker,
    os: 'linux',
    created,
    config: { Cmd: ['/bin/sh'], ...settings, Env: [path, ...(settings.Env ?? [])] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    history: [{ created, created_by: 'mmdebstrap' }],
  })
  const id = createHash('sha256').update(config).digest('hex')
  const archive = pack()
  const loading = loadImages(engine, Readable.from(archive))
  const writing = write()
  await Promise.all([loading, writing])

  async function write() {
    archive.entry({ name: `${id}.json` }, config)
    const layer = archive.entry({ name: `${digest}/layer.tar`, size })
    await pipeline(createReadStream(tar), layer)
    const manifest = [{ Config: `${id}.json`, RepoTags: [name], Layers: [`${digest}/layer.tar`] }]
    archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest))
    archive.finalize()
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
