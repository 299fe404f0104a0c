// Commands inside a running container.
import type { Duplex } from 'node:stream'
import type { Engine } from './engine.ts'
import { frames } from './streams.ts'

export interface ExecOptions {
  env?: string[]
  user?: string
  workingDir?: string
  privileged?: boolean
  signal?: AbortSignal
}

export interface ExecResult {
  exitCode: number
  stdout: string
  stderr: string
}

/**
 * Runs a command and waits for its end. Output is kept whole in memory: not for commands that print without end.
 * @param onOutput hears the output as it comes, besides
 * @throws EngineError 409 when the container does not run
 */
export async function execute(
  engine: Engine,
  container: string,
  command: string[],
  options: ExecOptions & { onOutput?: (from: 'stdout' | 'stderr', data: Buffer) => void } = {},
): Promise<ExecResult> {
  const id = await create(engine, container, command, options, { stdin: false, tty: false })
  const stream = await engine.request('POST', `/exec/${id}/start`, {
    body: { Detach: false, Tty: false },
    signal: options.signal,
  })
  const out: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  for await (const { from, data } of frames(stream)) {
    out[from].push(data)
    options.onOutput?.(from, data)
  }
  return {
    exitCode: await exitCode(engine, id),
    stdout: Buffer.concat(out.stdout).toString('utf8'),
    stderr: Buffer.concat(out.stderr).toString('utf8'),
  }
}

export interface Session {
  /** Writes go to the command's input. With a terminal, reads give its screen; without, frames (see `frames`). */
  stream: Duplex
  resize(columns: number, rows: number): Promise<void>
  /** Once the stream has ended. */
  exitCode(): Promise<number>
}

/** Runs a command to talk with: a shell on a terminal, or a pipe through a program. */
export async function openSession(
  engine: Engine,
  container: string,
  command: string[],
  options: ExecOptions & { tty?: boolean } = {},
): Promise<Session> {
  const tty = options.tty ?? true
  const id = await create(engine, container, command, options, { stdin: true, tty })
  const stream = await engine.upgrade('POST', `/exec/${id}/start`, {
    body: { Detach: false, Tty: tty },
    signal: options.signal,
  })
  return {
    stream,
    resize: (columns, rows) => engine.done('POST', `/exec/${id}/resize`, { query: { w: columns, h: rows } }),
    exitCode: () => exitCode(engine, id),
  }
}

async function create(
  engine: Engine,
  container: string,
  command: string[],
  options: ExecOptions,
  { stdin, tty }: { stdin: boolean; tty: boolean },
): Promise<string> {
  const body = {
    Cmd: command,
    Env: options.env,
    User: options.user,
    WorkingDir: options.workingDir,
    Privileged: options.privileged,
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
  }
  const path = `/containers/${encodeURIComponent(container)}/exec`
  const { Id } = await engine.json<{ Id: string }>('POST', path, { body, signal: options.signal })
  return Id
}

async function exitCode(engine: Engine, id: string): Promise<number> {
  const { ExitCode } = await engine.json<{ ExitCode: number | null }>('GET', `/exec/${id}/json`)
  return ExitCode ?? -1
}
