// How git is run: as a user with no rights, with an empty environment, and with no configuration but ours.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Problem } from '../problems.ts'

/**
 * Whom git runs as when we are root: a number that no account has. Not `nobody`, since the embedded database runs as that.
 * Undefined: git runs as we do.
 */
export const gitUser = process.getuid?.() === 0 ? 65533 : undefined

/** Where a command looks for objects besides the repository's own, as git names it in the environment. */
export interface Objects {
  GIT_OBJECT_DIRECTORY: string
  GIT_ALTERNATE_OBJECT_DIRECTORIES: string
}

/** Starts git in a bare repository; the configuration is the file in that folder, which only we write. */
export function startGit(
  folder: string,
  args: string[],
  options: { stdio?: StdioOptions; env?: Partial<Objects> & { GIT_PROTOCOL?: string } } = {},
): ChildProcess {
  return spawn('git', args, {
    cwd: folder,
    stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    ...(gitUser !== undefined && { uid: gitUser, gid: gitUser }),
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      HOME: '/nonexistent',
      GIT_DIR: '.',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_TERMINAL_PROMPT: '0',
      ...options.env,
    },
  })
}

/** Runs git to its end and gives what it printed; throws with its complaint when it fails. For short answers only. */
export async function runGit(
  folder: string,
  args: string[],
  options: { input?: string; env?: Partial<Objects> } = {},
): Promise<string> {
  const child = startGit(folder, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
  child.stdin!.on('error', () => {}) // git may end before it has read all
  child.stdin!.end(options.input ?? '')
  const [output, complaint, code] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    exitOf(child),
  ])
  if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${complaint.trim()}`)
  return output
}

/** What git prints, as it comes; the reader sees an error when git fails, never just an end. */
export async function* streamGit(
  folder: string,
  args: string[],
  options: { env?: Partial<Objects>; signal?: AbortSignal } = {},
): AsyncGenerator<Buffer> {
  options.signal?.throwIfAborted()
  const child = startGit(folder, args, options)
  const code = exitOf(child)
  const complaint = text(child.stderr!)
  for (const later of [code, complaint]) later.catch(() => {}) // awaited below
  const stop = () => child.kill('SIGKILL')
  options.signal?.addEventListener('abort', stop)
  try {
    yield* child.stdout! as AsyncIterable<Buffer>
    if ((await code) !== 0)
      throw new Error(`git ${args[0]} ended with ${await code}: ${(await complaint).trim()}`)
  } finally {
    options.signal?.removeEventListener('abort', stop)
    if (child.exitCode === null) stop()
    await code
  }
}

/** The exit code, or the signal's name; rejects when git could not be started. */
export function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((done, failed) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      failed(
        error.code === 'ENOENT'
          ? new Problem(
              500,
              'git_missing',
              'cannot run git on the platform: it is not installed · apt-get install git',
            )
          : error,
      ),
    )
    child.once('exit', (code, signal) => done(code ?? signal ?? 'unknown'))
  })
}

/**
 * Gives a program what a client sends, no faster than it takes it. Reads on when the program has stopped listening: a client
 * hears an answer only once it has said all. A body that ends in an error ends the program's input early. Never rejects.
 */
export async function pour(
  body: Readable,
  stdin: Writable,
  seen: (chunk: Buffer) => void = () => {},
): Promise<void> {
  const closed = new Promise<void>((done) => stdin.once('close', done))
  stdin.on('error', () => {})
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      seen(chunk)
      if (!stdin.writable || stdin.write(chunk)) continue
      await Promise.race([new Promise((done) => stdin.once('drain', done)), closed])
    }
    stdin.end()
  } catch {
    stdin.destroy()
  }
}
