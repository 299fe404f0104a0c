import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { holdBlob } from '../kit/blobs/hold.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, Problem } from '../problems.ts'
import { planPush, type Plan } from './branches.ts'
import type { Hook, Question } from './hook.ts'
import { runGit, type Objects } from './program.ts'
import type { BuildPush, Push } from './push.ts'
import type { Fleet } from './repository.ts'
import { readContents, writePush, type Pack } from './rows.ts'
import { cutOffCommits } from './shallow.ts'
import { submodulesOf, treeOf, type Submodule } from './tree.ts'

export interface Reception {
  fleet: Fleet
  /** The bare repository of this request. */
  folder: string
  hook: Hook
  /** Aborted when the pusher is gone, or git has ended. */
  signal: AbortSignal
  build: BuildPush
}

/**
 * The story of a push, told while its fleet's lock is held: what is asked is allowed, the build goes well, and in its last
 * transaction refs and pack become rows. Rejects with the Problem that the pusher is to read; then nothing has changed.
 */
export async function takePush(
  ctx: Context,
  asking: User,
  { fleet, folder, hook, signal, build }: Reception,
  asked: Question,
): Promise<void> {
  stopIfGone(signal)
  const { refs } = await readContents(ctx.db.sql, fleet.id) // anew: other pushes may have ended while we waited
  const plan = planPush(asked.commands, refs)
  const env = objectsOf(folder, asked.quarantine)
  const shallow = await cutOffCommits(folder, asked.shallow, env)
  const also = async (tx: Tx) => {
    const packs = await keepPackBlobs(ctx, tx, env)
    stopIfGone(signal)
    await writePush(tx, { application: fleet.id, moves: plan.moves, packs, shallow, now: ctx.now() })
  }
  if (!plan.build) return ctx.db.transaction(also)
  await buildPlan(ctx, plan.build, { fleet, asking, folder, env, hook, signal, also, build })
}

async function buildPlan(
  ctx: Context,
  plan: NonNullable<Plan['build']>,
  given: {
    fleet: Fleet
    asking: User
    folder: string
    env: Objects
    hook: Hook
    signal: AbortSignal
    also: Push['also']
    build: BuildPush
  },
): Promise<void> {
  const { folder, env, hook, signal } = given
  const type = (await runGit(folder, ['cat-file', '-t', plan.commit], { env })).trim()
  if (type !== 'commit') throw badRequest(`cannot build ${plan.branch}: it names a ${type} · push a commit`)
  const notes = notesOn(await submodulesOf(folder, plan.commit, env))
  for (const note of notes) hook.say(note)
  let done = false
  try {
    await given.build(ctx, {
      application: given.fleet,
      user: given.asking,
      branch: plan.branch,
      commit: await releaseCommit(ctx, given.fleet, plan.commit),
      sourceCommit: plan.commit,
      nocache: plan.nocache,
      emulated: plan.emulated,
      tree: () => treeOf(folder, plan.commit, { env, signal }),
      notes,
      say: (line) => hook.say(line),
      signal,
      async also(tx) {
        await given.also(tx)
        done = true
      },
    })
  } catch (error) {
    for (const note of notes) hook.say(note) // people look at the end of a log first
    throw error
  }
  if (!done) throw new Error('a build ended well without moving the branch')
}

const mostNotes = 20

/** What people must know of a tree with submodules, before it is built. */
export function notesOn(submodules: Submodule[]): string[] {
  const notes = submodules.slice(0, mostNotes).map(({ path, url }) => {
    const line = `Submodule ${path} (${url ?? 'no address in .gitmodules'}) is not part of the push: its folder is empty in the build.`
    return line.replace(/\p{Cc}/gu, '?') // a name may hold what a terminal would obey
  })
  const more = submodules.length - notes.length
  return more > 0 ? [...notes, `So it is with ${more} more submodules.`] : notes
}

/** A commit has one successful release; building it again makes a release with a commit of its own. */
async function releaseCommit(ctx: Context, fleet: Fleet, commit: string): Promise<string> {
  const [built] = await ctx.db.sql`
    select 1 from release where belongs_to__application = ${fleet.id} and commit = ${commit} and status = 'success'`
  return built ? randomBytes(20).toString('hex') : commit
}

function objectsOf(folder: string, quarantine: string): Objects {
  const own = join(folder, 'objects')
  // A push that brings no objects (a deletion) has no quarantine.
  if (quarantine && !quarantine.startsWith(folder))
    throw new Error(`git's quarantine is elsewhere: ${quarantine}`)
  return { GIT_OBJECT_DIRECTORY: quarantine || own, GIT_ALTERNATE_OBJECT_DIRECTORIES: own }
}

/**
 * Puts what git has in quarantine among the blobs, where nobody removes it until the transaction has given it a row. Here and
 * not sooner: of a push that fails, no blob is left behind.
 */
async function keepPackBlobs(ctx: Context, tx: Tx, env: Objects): Promise<Pack[]> {
  const folder = join(env.GIT_OBJECT_DIRECTORY, 'pack')
  const packs: Pack[] = []
  for (const file of await readdir(folder).catch(() => [])) {
    const name = /^pack-([0-9a-f]{40})\.pack$/.exec(file)?.[1]
    if (!name) continue
    // The folder belongs to git's user: a link there is not followed to what only we may read.
    await using pack = await open(join(folder, file), constants.O_RDONLY | constants.O_NOFOLLOW)
    const read = () => pack.createReadStream({ autoClose: false, start: 0 })
    const { digest, size } = await ctx.blobs.put(read())
    await holdBlob(tx.sql, digest)
    // The same pack may have been rubbish a moment ago, and its removal under way.
    if ((await ctx.blobs.size(digest)) !== size) await ctx.blobs.put(read(), digest)
    packs.push({ name, blob: digest, size })
  }
  return packs
}

function stopIfGone(signal: AbortSignal): void {
  if (signal.aborted) throw new Problem(499, 'gone', 'cannot go on: the pusher is gone')
}
