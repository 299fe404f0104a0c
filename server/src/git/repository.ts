// A bare repository for one request, made from rows: git sees the remote as it was at one moment, and whatever git
// writes is thrown away with the folder. Only packs outlive a request, in a store that any request can fill from blobs.
import { chown, link, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Context } from '../context.ts'
import { gitPlace, openFolder, type Place } from './place.ts'
import { exitOf, gitUser, pour, startGit } from './program.ts'
import { readContents, type Contents, type Pack } from './rows.ts'

export interface Fleet {
  id: number
  uuid: string
  slug: string
}

export interface Repository extends AsyncDisposable {
  folder: string
  contents: Contents
  /** Keeps packs that git took into this repository, so that they need not be fetched again. */
  keepPacks(): Promise<void>
}

/** The fleet's remote as it stands now. Dispose of it when the request is over. */
export async function openRepository(ctx: Context, fleet: Fleet): Promise<Repository> {
  const place = await gitPlace(ctx)
  const contents = await readContents(ctx.db.sql, fleet.id)
  const store = join(place.stores, `${fleet.uuid}.git`, 'objects')
  await oneAtATime(store, () => fillStore(ctx, place, store, contents.packs))
  const folder = await makeFolder(place, configOf(ctx), {
    HEAD: `ref: ${contents.head}\n`,
    'packed-refs': [...contents.refs].map(([name, object]) => `${object} ${name}\n`).join(''),
    'objects/info/alternates': `${store}\n`,
    // Highest in rank: a tree is built as it is, whatever its own attributes say of archives.
    'info/attributes': '* -export-ignore -export-subst\n',
    ...(contents.shallow.length > 0 && { shallow: contents.shallow.map((object) => `${object}\n`).join('') }),
  })
  return {
    folder,
    contents,
    keepPacks: () => movePacks(join(folder, 'objects', 'pack'), join(store, 'pack')),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

/** What git is told; see git-config(1). Nothing else is read: neither the machine's nor the user's configuration. */
function configOf(ctx: Context): string {
  return `
[core]
  repositoryFormatVersion = 0
  bare = true
  logAllRefUpdates = false
[receive]
  fsckObjects = true
  maxInputSize = ${ctx.config.packLimit}
  unpackLimit = 1           # whatever comes is kept as one pack
  shallowUpdate = true
  autogc = false
  keepAlive = 10            # seconds; proxies and NATs drop silent connections
[receive "fsck"]            # harmless marks of old programs that thousands of old repositories carry
  badTimezone = ignore
  missingSpaceBeforeDate = ignore
  zeroPaddedFilemode = ignore
  zeroPaddedDate = ignore
[uploadpack]
  keepAlive = 10
[gc]
  auto = 0
[tar]
  umask = 0022              # modes as a checkout has them
`
}

async function makeFolder(place: Place, config: string, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(place.requests, 'r'))
  const folders = ['hooks', 'info', 'refs', 'objects', 'objects/info', 'objects/pack'].map((name) =>
    join(folder, name),
  )
  for (const path of folders) await mkdir(path, { mode: 0o700 })
  const written = Object.entries({ ...files, config }).map(
    ([name, content]) => [join(folder, name), content] as const,
  )
  await Promise.all([
    link(place.hook, join(folder, 'hooks', 'pre-receive')),
    ...written.map(([path, content]) => writeFile(path, content)),
  ])
  const all = [folder, ...folders, ...written.map(([path]) => path)]
  if (gitUser !== undefined) await Promise.all(all.map((path) => chown(path, gitUser!, gitUser!)))
  return folder
}

async function fillStore(ctx: Context, place: Place, store: string, packs: Pack[]): Promise<void> {
  await openFolder(dirname(store), store, join(store, 'pack'))
  const there = new Set(await readdir(join(store, 'pack')))
  const missing = packs.filter(({ name }) => !there.has(`pack-${name}.idx`))
  if (missing.length === 0) return
  const folder = await makeFolder(place, configOf(ctx), { HEAD: 'ref: refs/heads/main\n' })
  try {
    for (const pack of missing) await fetchPack(ctx, folder, pack)
    await movePacks(join(folder, 'objects', 'pack'), join(store, 'pack'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fetchPack(ctx: Context, folder: string, pack: Pack): Promise<void> {
  const content = await ctx.blobs.read(pack.blob)
  const child = startGit(folder, ['index-pack', '--stdin'], { stdio: ['pipe', 'ignore', 'ignore'] })
  const [code] = await Promise.all([exitOf(child), pour(content, child.stdin!)])
  const made = await readdir(join(folder, 'objects', 'pack'))
  if (code !== 0 || !made.includes(`pack-${pack.name}.idx`))
    throw new Error(`cannot read pack ${pack.name} from blob ${pack.blob}: it is damaged`)
}

/** An index comes last: git takes a pack for present when it sees its index. */
async function movePacks(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => /^pack-[0-9a-f]{40}\.(?:pack|idx)$/.test(name))
  await openFolder(dirname(to), to)
  for (const name of names.sort((a, b) => Number(a.endsWith('.idx')) - Number(b.endsWith('.idx'))))
    await rename(join(from, name), join(to, name))
}

const queues = new Map<string, Promise<unknown>>()

/** Two requests that miss the same pack fetch it once. */
async function oneAtATime(name: string, work: () => Promise<void>): Promise<void> {
  const turn = (queues.get(name) ?? Promise.resolve()).catch(() => {}).then(work)
  queues.set(name, turn)
  try {
    await turn
  } finally {
    if (queues.get(name) === turn) queues.delete(name)
  }
}
