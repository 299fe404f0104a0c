import type { Command } from 'commander'
import { rows } from '../../find.ts'
import { printJson, printTable, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'

export function listFleets(fleet: Command): void {
  fleet
    .command('list')
    .alias('ls')
    .description('your fleets, with how many devices are online')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const query =
        "application?$filter=is_directly_accessible_by__user/any(dau:1 eq 1) and is_of__class eq 'fleet'&$orderby=slug asc&$select=id,slug,app_name,uuid" +
        '&$expand=is_for__device_type($select=slug),should_be_running__release($select=commit,raw_version),owns__device($select=uuid,is_online)'
      const fleets = await rows(readSettings(), encodeURI(query))
      if (options.json) return printJson(fleets)
      if (fleets.length === 0)
        return say('There is no fleet yet. Make one with: copal fleet create <name> --type <device type>')
      printTable(
        ['FLEET', 'DEVICE TYPE', 'ONLINE', 'RELEASE'],
        fleets.map((each) => [
          each.slug,
          each.is_for__device_type[0]?.slug,
          `${each.owns__device.filter((device: { is_online: boolean }) => device.is_online).length}/${each.owns__device.length}`,
          releaseText(each.should_be_running__release[0]),
        ]),
      )
    })
}

export const releaseText = (release?: { commit: string; raw_version: string }) =>
  release ? `${release.raw_version} (${release.commit.slice(0, 7)})` : undefined
