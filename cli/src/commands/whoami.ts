import type { Command } from 'commander'
import { ask } from '../http.ts'
import { printFacts, printJson } from '../output.ts'
import { readSettings } from '../settings.ts'

export function whoamiCommand(program: Command): void {
  program
    .command('whoami')
    .description('who is logged in, and where')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const settings = readSettings()
      const me = await ask(settings, '/actor/v1/whoami')
      if (options.json) printJson({ ...me, url: settings.url })
      else printFacts({ user: me.username ?? me.slug ?? me.uuid, 'e-mail': me.email, platform: settings.url })
    })
}
