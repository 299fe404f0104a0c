// A push: git's own receive-pack takes the objects into quarantine, and its hook asks us; we build, and in the transaction
// that makes the release we write refs and pack. Only then the hook says yes. Whenever anything dies, either all of it is
// in the rows or nothing.
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest, Problem } from '../problems.ts'
import { planPush, type Command, type Plan } from './branches.ts'
import { PackCounter, SideBand } from './framing.ts'
import { exitOf, pour, runGit, startGit, type Objects } from './program.ts'
import { openRepository, type Fleet, type Repository } from './repository.ts'
import { readContents, writePush, type Pack } from './rows.ts'
import { cutOffCommits } from './shallow.ts'
import { submodulesOf, treeOf } from './tree.ts'

/** A push that is to be built: what the builder is given. */
export interface Push {
  application: Fleet
  user: User
  /** `main`, `master`, or a door such as `balena-nocache`. */
  branch: string
  /** For the release: the git commit, or a fresh one where that commit has a successful release already. */
  commit: string
  /** The git commit, 40 hex digits. */
  sourceCommit: string
  nocache: boolean
  emulated: boolean
  /** The source tree as a tar stream, as often as it is asked for. Fails, rather than ends, when it cannot be read. */
  tree(): Readable
  /** A line for the pusher's terminal, without newline; passed on at once. */
  say(line: string): void
  /** Aborted when the pusher is gone. */
  signal: AbortSignal
  /** To be called in the transaction that makes the release: moves the branch. Throws when that cannot be any more. */
  also(tx: Tx): Promise<void>
}

/** Builds a push to its end; rejects with a Problem whose sentence is for the pusher. */
export type BuildPush = (ctx: Context, push: Push) => Promise<unknown>

/** Answers one receive-pack request: `body` is what the client sends, `out` what it reads. `gone` aborts when it hangs up. */
export async function receivePush(
  ctx: Context,
  asking: User,
  fleet: Fleet,
  io: { body: Readable; out: Writable; gone: AbortSignal },
  build: BuildPush,
): Promise<void> {
  await using repository = await openRepository(ctx, fleet)
  const git = startGit(repository.folder, ['receive-pack', '--stateless-rpc', '.'], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const exit = exitOf(git)
  const dead = new AbortController()
  const hook = hookOf(git)
  const signal = AbortSignal.any([io.gone, dead.signal])
  io.gone.addEventListener('abort', () => git.kill('SIGTERM')) // it clears its quarantine away
  git.stderr!.on('data', (text: Buffer) =>
    ctx.log.warn({ 'application.id': fleet.id }, `git: ${text.toString().trim()}`),
  )

  const answer = new SideBand()
  const settled = settle(ctx, asking, { fleet, repository, hook, signal, build })
  const [code, accepted] = await Promise.all([
    exit.finally(() => dead.abort()),
    settled,
    pour(io.body, git.stdin!, tellLimit(ctx.config.packLimit, answer)),
    pipeline(git.stdout!, answer, io.out).catch(() => {}), // the client hung up
  ])
  if (accepted) await repository.keepPacks()
  else if (code !== 0 && !io.gone.aborted)
    ctx.log.warn({ 'application.id': fleet.id }, `git receive-pack ended with ${code}`)
}

/** git stops by itself when a pack is too large (receive.maxInputSize), but what it says names no setting. */
function tellLimit(limit: number, answer: SideBand): (chunk: Buffer) => void {
  const counter = new PackCounter()
  let told = false
  return (chunk) => {
    counter.count(chunk)
    if (counter.bytes <= limit || told) return
    told = true
    answer.say(
      `cannot take a pack of more than ${limit} bytes · push in smaller steps, or raise COPAL_PACK_LIMIT on the platform`,
    )
  }
}

interface Hook {
  /** Resolves when the hook asks; never, when git needs no answer. */
  asked: Promise<{ quarantine: string; shallow: string[]; commands: Command[] }>
  say(line: string): void
  answer(verdict: 'take' | 'refuse'): void
}

/** The other end of `hooks/pre-receive`. */
function hookOf(git: ChildProcess): Hook {
  const [, , , questions, words, verdicts] = git.stdio as unknown as [0, 0, 0, Readable, Writable, Writable]
  for (const stream of [questions, words, verdicts]) stream.on('error', () => {})
  const asked = { quarantine: '', shallow: [] as string[], commands: [] as Command[] }
  return {
    asked: new Promise((done) => {
      createInterface({ input: questions }).on('line', (line) => {
        const [kind, ...rest] = line.split(' ')
        switch (kind) {
          case 'quarantine':
            asked.quarantine = rest.join(' ')
            break
          case 'shallow':
            asked.shallow.push(rest[0]!)
            break
          case 'command':
            asked.commands.push({ old: rest[0]!, new: rest[1]!, ref: rest[2]! })
            break
          case 'end':
            done(asked)
        }
      })
    }),
    say: (line) => void words.write(`${line}\n`),
    answer(verdict) {
      words.end()
      verdicts.end(verdict === 'take' ? '0\n' : '1\n')
    },
  }
}

interface Reception {
  fleet: Fleet
  repository: Repository
  hook: Hook
  /** Aborted when the pusher is gone, or git has ended. */
  signal: AbortSignal
  build: BuildPush
}

/** Waits for the hook's question and answers it. True: the push happened. Never rejects. */
async function settle(ctx: Context, asking: User, reception: Reception): Promise<boolean> {
  const { hook, signal, fleet } = reception
  const asked = await Promise.race([hook.asked, aborted(signal)])
  if (!asked) return false
  try {
    const turn = () => takePush(ctx, asking, reception, asked)
    await ctx.db.holding(`git push to application ${fleet.id}`, turn, () =>
      hook.say('Another push to this fleet is under way: waiting for it to end.'),
    )
    hook.answer('take')
    return true
  } catch (error) {
    if (!(error instanceof Problem) && !signal.aborted)
      ctx.log.error({ err: error, 'application.id': fleet.id }, 'a push failed by a bug')
    hook.say(
      error instanceof Problem
        ? error.message
        : 'cannot take this push: internal error · see the log of the platform',
    )
    hook.answer('refuse')
    return false
  }
}

async function takePush(
  ctx: Context,
  asking: User,
  { fleet, repository, hook, signal, build }: Reception,
  asked: Awaited<Hook['asked']>,
): Promise<void> {
  const { folder } = repository
  stopIfGone(signal)
  const { refs } = await readContents(ctx.db.sql, fleet.id) // anew: other pushes may have ended while we waited
  const plan = planPush(asked.commands, refs)
  const env = objectsOf(folder, asked.quarantine)
  const shallow = await cutOffCommits(folder, asked.shallow, env)
  const also = async (tx: Tx) => {
    const packs = await keepPackBlobs(ctx, env)
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
  const submodules = await submodulesOf(folder, plan.commit, env)
  const notes = submodules.map(
    ({ path, url }) =>
      `Submodule ${path} (${url ?? 'no address in .gitmodules'}) is not part of the push: its folder is empty in the build.`,
  )
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

/** Puts what git has in quarantine among the blobs. Here and not sooner: of a push that fails, no blob is left behind. */
async function keepPackBlobs(ctx: Context, env: Objects): Promise<Pack[]> {
  const folder = join(env.GIT_OBJECT_DIRECTORY, 'pack')
  const packs: Pack[] = []
  for (const file of await readdir(folder).catch(() => [])) {
    const name = /^pack-([0-9a-f]{40})\.pack$/.exec(file)?.[1]
    if (!name) continue
    const { digest, size } = await ctx.blobs.put(createReadStream(join(folder, file)))
    packs.push({ name, blob: digest, size })
  }
  return packs
}

function stopIfGone(signal: AbortSignal): void {
  if (signal.aborted) throw new Problem(499, 'gone', 'cannot go on: the pusher is gone')
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((done) => {
    if (signal.aborted) done(undefined)
    signal.addEventListener('abort', () => done(undefined))
  })
