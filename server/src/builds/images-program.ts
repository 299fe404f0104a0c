// `images/` is a program of its own: base images and the builder are made by it, on this machine's engine.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { textLines } from '@copal/engine/streams.ts'
import type { Context } from '../context.ts'
import { Problem } from '../problems.ts'
import type { BuildOutput } from './output.ts'

const program = fileURLToPath(new URL('../../../images/src/main.ts', import.meta.url))

/** Its last words, which say nothing to somebody who builds. */
const sizeOnly = / is \d+ MB$/

export type Say = Pick<BuildOutput, 'line' | 'progress'>

/** Runs `images` as a program of its own; what it says goes to `say`. @returns the result that it prints */
export async function runImages(ctx: Context, words: string[], say: Say): Promise<unknown> {
  // It inherits our environment: proxies and mirrors are told there.
  const engine = `DOCKER_HOST=${ctx.config.dockerHost}`
  const child = spawn('env', [engine, process.execPath, program, ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let result = ''
  let trouble = ''
  const readResult = async () => {
    for await (const chunk of child.stdout) result += String(chunk)
  }
  const readWords = async () => {
    for await (const line of textLines(child.stderr)) {
      const told = parse(line)
      if (told?.error !== undefined) trouble = told.error
      else if (!sizeOnly.test(told?.say ?? line)) say.line(told?.say ?? line)
    }
  }
  const ended = new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done))
  const [code] = await Promise.all([ended, readResult(), readWords()])
  if (code !== 0)
    throw new Problem(502, 'images', trouble || `cannot make ${words.join(' ')}: it ended with ${code}`)
  return JSON.parse(result)
}

function parse(line: string): { say?: string; error?: string } | undefined {
  try {
    return JSON.parse(line) as { say?: string; error?: string }
  } catch {
    return undefined
  }
}
