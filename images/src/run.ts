import { spawn } from 'node:child_process'
import { textLines } from '@copal/engine/streams.ts'

/** Hears what is going on, a line at a time. */
export type Say = (line: string) => void

/**
 * Runs a program to its end; what it prints goes to `say`.
 * @param input written to its standard input
 * @throws Error with its last lines when it ends badly
 */
export async function run(
  command: string[],
  options: { say: Say; input?: string; cwd?: string; env?: Record<string, string> },
): Promise<void> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // A program that does not want its input closes it: no trouble of ours.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const last: string[] = []
  const follow = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const line of textLines(stream)) {
      options.say(line)
      last.push(line)
      if (last.length > 10) last.shift()
    }
  }
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0))
  })
  const [status] = await Promise.all([ended, follow(child.stdout), follow(child.stderr)])
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${last.join('\n')}`)
}
