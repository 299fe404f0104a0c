import type { Command } from 'commander'
import { findFleet, rows } from '../../find.ts'
import { ask } from '../../http.ts'
import { remark, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'

export function renameFleet(fleet: Command): void {
  fleet
    .command('rename <fleet> <name>')
    .description('give a fleet another name; its git remote changes with it')
    .action(async (name: string, newName: string) => {
      const settings = readSettings()
      const { id } = await findFleet(settings, name)
      await ask(settings, `/v7/application(${id})`, { method: 'PATCH', body: { app_name: newName } })
      const [renamed] = await rows(settings, `application(${id})?$select=slug`)
      say(renamed.slug)
      remark(`Its git remote is now ${settings.url}/git/${renamed.slug}.git`)
    })
}
