import type { Command } from 'commander'
import { ask } from '../../http.ts'
import { say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings } from '../../settings.ts'
import { findBuild, isOver } from './find.ts'

export function cancelBuild(build: Command): void {
  build
    .command('cancel <build>')
    .description('stop a build that waits or runs')
    .action(async (name: string) => {
      const settings = readSettings()
      const found = await findBuild(settings, name)
      if (isOver(found))
        throw new Problem(`cannot cancel build ${found.id} of ${found.fleet}: it ended as ${found.status}`)
      await ask(settings, `/builds/v1/${found.id}/cancel`, { method: 'POST' })
      say(`Build ${found.id} of ${found.fleet} is cancelled.`)
    })
}
