import type { Command } from 'commander'
import { findFleet, rows } from '../../find.ts'
import { printFacts, printJson } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { releaseText } from './list.ts'

export function showFleet(fleet: Command): void {
  fleet
    .command('show <fleet>')
    .description('one fleet: its device type, target release and git remote')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const settings = readSettings()
      const { id } = await findFleet(settings, name)
      const [found] = await rows(
        settings,
        `application(${id})?$expand=is_for__device_type($select=slug),should_be_running__release($select=commit,raw_version),owns__device($select=uuid,is_online)`,
      )
      if (options.json) return printJson(found)
      printFacts({
        fleet: found.slug,
        id: found.id,
        uuid: found.uuid,
        'device type': found.is_for__device_type[0]?.slug,
        release: releaseText(found.should_be_running__release[0]),
        follows: found.should_track_latest_release ? 'the latest release' : 'nothing: it is pinned',
        devices: `${found.owns__device.length}, ${found.owns__device.filter((each: { is_online: boolean }) => each.is_online).length} online`,
        'git remote': `${settings.url}/git/${found.slug}.git`,
      })
    })
}
