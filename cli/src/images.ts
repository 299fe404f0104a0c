// Images for this machine are made by the project's own `images` program, as a child process.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Problem } from './problem.ts'

const program = join(import.meta.dirname, '..', '..', 'images', 'src', 'main.ts')

/** Makes an image (at once, where nothing changed) and returns its name; `onLine` hears what goes on. */
export async function makeImage(args: string[], onLine: (line: string) => void): Promise<string> {
  if (!existsSync(program))
    throw new Problem(
      'cannot make images here: this copal was installed without the project · run it from a clone of the project',
    )
  const child = spawn(process.execPath, [program, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [name, fault] = ['', '']
  createInterface({ input: child.stdout }).on('line', (line) => {
    name =
      (JSON.parse(line) as { tags: string[]; name: string }).tags[0] ??
      (JSON.parse(line) as { name: string }).name
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    const told = parsed(line)
    if (told?.error) fault = told.error
    else if (told?.say) onLine(told.say)
  })
  const code = await new Promise<number | null>((done, failed) =>
    child.once('close', done).once('error', failed),
  )
  if (code !== 0 || !name)
    throw new Problem(`cannot make the image (${args.join(' ')}): ${fault || `it ended with code ${code}`}`)
  return name
}

function parsed(line: string): { say?: string; error?: string } | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
