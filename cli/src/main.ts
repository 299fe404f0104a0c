import { Command } from 'commander'
import { loginCommand } from './commands/login.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { Problem } from './problem.ts'

const program = new Command('copal')
  .description('Push your code, and every device of the fleet runs it.')
  .version('0.1.0')
  .showHelpAfterError('(copal --help tells more)')

loginCommand(program)
whoamiCommand(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Problem)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}
