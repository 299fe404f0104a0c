import type { Command } from 'commander'
import { findFleet } from '../../find.ts'
import { ask } from '../../http.ts'
import { say } from '../../output.ts'
import { confirmed } from '../../confirm.ts'
import { readSettings } from '../../settings.ts'

export function removeFleet(fleet: Command): void {
  fleet
    .command('rm <fleet>')
    .description('remove a fleet with its devices, releases and variables')
    .option('-y, --yes', 'do not ask')
    .action(async (name: string, options: { yes?: boolean }) => {
      const settings = readSettings()
      const found = await findFleet(settings, name)
      await confirmed(options.yes, `Remove ${found.slug} with all its devices and releases?`)
      await ask(settings, `/v7/application(${found.id})`, { method: 'DELETE' })
      say(`Removed ${found.slug}.`)
    })
}
