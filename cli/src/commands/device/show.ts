import type { Command } from 'commander'
import { findDevice } from '../../find.ts'
import { printFacts, printJson, printTable, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { releaseText } from '../fleet/list.ts'
import { timeText } from '../../times.ts'
import { statusText } from './list.ts'

const query =
  '$expand=belongs_to__application($select=slug),is_of__device_type($select=slug),is_running__release($select=commit,raw_version)' +
  ',should_be_running__release($select=commit,raw_version),is_pinned_on__release($select=commit)' +
  ",image_install($select=id,status,download_progress;$filter=status ne 'deleted';$expand=installs__image($select=id;$expand=is_a_build_of__service($select=service_name)),is_provided_by__release($select=commit,raw_version))"

export function showDevice(device: Command): void {
  device
    .command('show <device>')
    .description('one device: what it runs, how it is, where it is reached')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const found = await findDevice(readSettings(), name, query)
      if (options.json) return printJson(found)
      printFacts({
        device: found.device_name,
        uuid: found.uuid,
        fleet: found.belongs_to__application[0]?.slug,
        'device type': found.is_of__device_type[0]?.slug,
        status: statusText(found),
        runs: releaseText(found.is_running__release[0]),
        'should run':
          releaseText(found.should_be_running__release[0]) +
          (found.is_pinned_on__release[0] ? ', pinned' : ''),
        supervisor: found.supervisor_version,
        os: found.os_version,
        addresses: found.ip_address,
        memory: found.memory_total && `${found.memory_usage} of ${found.memory_total} MB`,
        storage: found.storage_total && `${found.storage_usage} of ${found.storage_total} MB`,
        'last seen': timeText(found.last_connectivity_event),
      })
      if (found.image_install.length === 0) return
      say('')
      printTable(
        ['SERVICE', 'STATUS', 'RELEASE'],
        found.image_install.map((install: any) => [
          install.installs__image[0]?.is_a_build_of__service[0]?.service_name,
          install.status + (install.download_progress === null ? '' : ` ${install.download_progress} %`),
          releaseText(install.is_provided_by__release[0]),
        ]),
      )
    })
}
