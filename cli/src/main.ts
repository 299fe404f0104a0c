import { Command } from 'commander'
import { deviceCommand } from './commands/device/index.ts'
import { envCommand } from './commands/env/index.ts'
import { fleetCommand } from './commands/fleet/index.ts'
import { loginCommand } from './commands/login.ts'
import { logsCommand } from './commands/logs.ts'
import { pushCommand } from './commands/push.ts'
import { releaseCommand } from './commands/release/index.ts'
import { trustCommand } from './commands/trust.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { Problem } from './problem.ts'

const program = new Command('copal')
  .description('Push your code, and every device of the fleet runs it.')
  .version('0.1.0')
  .showHelpAfterError('(copal --help tells more)')

const commands = [
  loginCommand,
  whoamiCommand,
  fleetCommand,
  deviceCommand,
  releaseCommand,
  envCommand,
  pushCommand,
  logsCommand,
  trustCommand,
]
for (const command of commands) command(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Problem)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}
