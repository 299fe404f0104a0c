// A push: git's own receive-pack takes the objects into quarantine, and its hook asks us; we build, and in the transaction
// that makes the release we write refs and pack. Only then the hook says yes. Whenever anything dies, either all of it is
// in the rows or nothing.
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { User } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { Problem } from '../problems.ts'
import { PackCounter, SideBand } from './framing.ts'
import { hookOf } from './hook.ts'
import { exitOf, pour, startGit } from './program.ts'
import type { BuildPush } from './push.ts'
import { openRepository, type Fleet } from './repository.ts'
import { takePush, type Reception } from './take-push.ts'

export type { BuildPush, Push } from './push.ts'

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
  let complaint = ''
  git.stderr!.on('data', (text: Buffer) => void (complaint = `${complaint}${text}`.slice(-2000)))

  const answer = new SideBand()
  const settled = settle(ctx, asking, { fleet, folder: repository.folder, hook, signal, build })
  const [code, accepted] = await Promise.all([
    exit.finally(() => dead.abort()),
    settled,
    pour(io.body, git.stdin!, tellLimit(ctx.config.packLimit, answer)),
    pipeline(git.stdout!, answer, io.out).catch(() => {}), // the client hung up
  ])
  if (accepted) await repository.keepPacks()
  else if (code !== 0 && !io.gone.aborted)
    ctx.log.warn({ 'application.id': fleet.id, complaint }, `git receive-pack ended with ${code}`)
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

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((done) => {
    if (signal.aborted) done(undefined)
    signal.addEventListener('abort', () => done(undefined))
  })
