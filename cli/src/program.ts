import { Command } from 'commander'
import { apiKeyCommand } from './commands/api-key/index.ts'
import { buildCommand } from './commands/build/index.ts'
import { completionCommand } from './commands/completion.ts'
import { deviceTypeCommand } from './commands/device-type.ts'
import { deviceCommand } from './commands/device/index.ts'
import { envCommand } from './commands/env/index.ts'
import { fleetCommand } from './commands/fleet/index.ts'
import { loginCommand } from './commands/login.ts'
import { logsCommand } from './commands/logs/index.ts'
import { organizationCommand } from './commands/organization.ts'
import { pushCommand } from './commands/push.ts'
import { releaseCommand } from './commands/release/index.ts'
import { tagCommand } from './commands/tag/index.ts'
import { trustCommand } from './commands/trust.ts'
import { whoamiCommand } from './commands/whoami.ts'

/** The whole tree of commands; help, completion and `docs/cli.md` are made from it. */
export function makeProgram(): Command {
  const program = new Command('copal')
    .description('Push your code, and every device of the fleet runs it.')
    .version('0.1.0')
    .showHelpAfterError('(copal --help tells more)')
    .exitOverride() // handed down to the commands that are made below
  const commands = [
    loginCommand,
    whoamiCommand,
    organizationCommand,
    fleetCommand,
    deviceCommand,
    deviceTypeCommand,
    pushCommand,
    buildCommand,
    releaseCommand,
    envCommand,
    tagCommand,
    logsCommand,
    apiKeyCommand,
    trustCommand,
    completionCommand,
  ]
  for (const command of commands) command(program)
  return program
}
