import type { Command } from 'commander'
import { findFleet, rows } from '../../find.ts'
import { printJson, printTable, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { releaseText } from '../fleet/list.ts'

export function listDevices(device: Command): void {
  device
    .command('list')
    .alias('ls')
    .description('devices, what they run and how they are')
    .option('-f, --fleet <fleet>', 'of one fleet')
    .option('--json', 'print JSON')
    .action(async (options: { fleet?: string; json?: boolean }) => {
      const settings = readSettings()
      const filter = options.fleet
        ? `&$filter=belongs_to__application eq ${(await findFleet(settings, options.fleet)).id}`
        : ''
      const devices = await rows(
        settings,
        encodeURI(
          'device?$select=id,uuid,device_name,overall_status,overall_progress,is_online,last_connectivity_event,supervisor_version' +
            '&$expand=belongs_to__application($select=slug),is_running__release($select=commit,raw_version),should_be_running__release($select=commit,raw_version)' +
            `&$orderby=device_name asc${filter}`,
        ),
      )
      if (options.json) return printJson(devices)
      if (devices.length === 0)
        return say('There is no device yet. Add one with: copal device add --virtual --fleet <fleet>')
      printTable(
        ['UUID', 'NAME', 'FLEET', 'STATUS', 'RUNS', 'SHOULD RUN'],
        devices.map((each) => [
          each.uuid.slice(0, 7),
          each.device_name,
          each.belongs_to__application[0]?.slug,
          statusText(each),
          releaseText(each.is_running__release[0]),
          releaseText(each.should_be_running__release[0]),
        ]),
      )
    })
}

export const statusText = (device: {
  overall_status: string
  overall_progress: number | null
  is_online: boolean
}) =>
  `${device.is_online ? 'online' : 'offline'}, ${device.overall_status}${device.overall_progress === null ? '' : ` ${device.overall_progress} %`}`
