// Fetching and looking: git's own upload-pack, in a repository made for the request.
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../context.ts'
import { exitOf, pour, startGit } from './program.ts'
import { openRepository, type Fleet } from './repository.ts'

interface Io {
  body: Readable
  out: Writable
  /** Aborts when the client hangs up. */
  gone: AbortSignal
  /** What the client offers, e.g. `version=2`. */
  protocol: string | undefined
}

/** What refs there are and what may be asked: the answer to `info/refs`. */
export async function advertise(
  ctx: Context,
  fleet: Fleet,
  service: 'git-upload-pack' | 'git-receive-pack',
  io: Io,
): Promise<void> {
  // Version 2 speaks for itself; pushes know no version 2.
  const version2 = service === 'git-upload-pack' && io.protocol?.split(':').includes('version=2')
  if (!version2) {
    const line = `# service=${service}\n`
    io.out.write(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`)
  }
  await answerWith(
    ctx,
    fleet,
    [service.slice('git-'.length), '--stateless-rpc', '--http-backend-info-refs', '.'],
    io,
  )
}

/** Answers one request of a fetch or clone. */
export async function uploadPack(ctx: Context, fleet: Fleet, io: Io): Promise<void> {
  await answerWith(ctx, fleet, ['upload-pack', '--stateless-rpc', '.'], io)
}

async function answerWith(ctx: Context, fleet: Fleet, args: string[], io: Io): Promise<void> {
  await using repository = await openRepository(ctx, fleet)
  const git = startGit(repository.folder, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(io.protocol && { env: { GIT_PROTOCOL: io.protocol } }),
  })
  const exit = exitOf(git)
  io.gone.addEventListener('abort', () => git.kill())
  git.stderr!.on('data', (text: Buffer) =>
    ctx.log.debug({ 'application.id': fleet.id }, `git: ${text.toString().trim()}`),
  )
  await Promise.all([
    exit,
    pour(io.body, git.stdin!),
    pipeline(git.stdout!, io.out).catch(() => {}), // the client hung up
  ])
}
