// Exit codes: 0 done · 1 the platform or this machine said no · 2 the command was typed wrong · 70 a bug · 130 Ctrl-C.
import { CommanderError } from 'commander'
import { remark } from './output.ts'
import { Problem } from './problem.ts'
import { makeProgram } from './program.ts'

// `copal fleet list | head -1`: whoever read has enough.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })

try {
  await makeProgram().parseAsync()
} catch (error) {
  process.exitCode = told(error)
}

function told(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // it has printed what is wrong
  if (error instanceof Problem) {
    remark(error.message)
    return error.exitCode
  }
  if ((error as Error).name === 'ExitPromptError') return 130
  remark(
    `cannot go on: this is a bug in copal · please report it with these lines\n${(error as Error).stack}`,
  )
  return 70
}
