import type { Command } from 'commander'
import { findFleet } from '../../find.ts'
import { withJson, wholeNumber, type Json } from '../../options.ts'
import { printJson, printTable, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { timeText, tookText } from '../../times.ts'
import { fleetBuilds } from './find.ts'

export function listBuilds(build: Command): void {
  withJson(
    build
      .command('list [fleet]')
      .alias('ls')
      .description('the newest builds, of one fleet or of all')
      .option('-n, --number <n>', 'how many, at most 100', wholeNumber, 20),
  ).action(async (name: string | undefined, options: Json & { number: number }) => {
    const settings = readSettings()
    const fleet = name === undefined ? undefined : (await findFleet(settings, name)).slug
    const builds = await fleetBuilds(settings, fleet, options.number)
    if (options.json) return printJson(builds)
    if (builds.length === 0) return say('There is no build yet. Push with git, or with: copal push <fleet>')
    printTable(
      ['BUILD', 'FLEET', 'COMMIT', 'STATUS', 'BY', 'CREATED', 'TOOK'],
      builds.map((each) => [
        each.id,
        each.fleet,
        each.commit.slice(0, 7),
        each.status,
        each.user,
        timeText(each.created_at),
        tookText(each.started_at, each.ended_at),
      ]),
    )
  })
}
