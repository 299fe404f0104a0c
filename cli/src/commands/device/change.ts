import type { Command } from 'commander'
import { confirmed } from '../../confirm.ts'
import { findDevice, findFleet, findRelease } from '../../find.ts'
import { ask } from '../../http.ts'
import { say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'
import { removeVirtual } from './virtual.ts'

const change = (settings: Settings, id: number, body: object) =>
  ask(settings, `/v7/device(${id})`, { method: 'PATCH', body })

export function renameDevice(device: Command): void {
  device
    .command('rename <device> <name>')
    .description('give a device another name')
    .action(async (name: string, newName: string) => {
      const settings = readSettings()
      const found = await findDevice(settings, name)
      await change(settings, found.id, { device_name: newName })
      say(`${found.device_name} is now ${newName}.`)
    })
}

export function pinDevice(device: Command): void {
  device
    .command('pin <device> <release>')
    .description('keep a device on one release (commit or version), whatever its fleet does')
    .action(async (name: string, releaseName: string) => {
      const settings = readSettings()
      const found = await findDevice(
        settings,
        name,
        '$select=id,uuid,device_name&$expand=belongs_to__application($select=id,slug)',
      )
      const release = await findRelease(settings, releaseName, undefined, found.belongs_to__application[0])
      if (release.status !== 'success')
        throw new Problem(
          `cannot pin device ${found.uuid.slice(0, 7)} to release ${release.raw_version}: it ended as ${release.status} · see: copal release logs ${release.commit.slice(0, 7)}`,
        )
      await change(settings, found.id, { is_pinned_on__release: release.id })
      say(
        `${found.device_name} stays on ${release.raw_version} (${release.commit.slice(0, 7)}). Undo with: copal device track ${found.uuid.slice(0, 7)}`,
      )
    })
}

export function trackDevice(device: Command): void {
  device
    .command('track <device>')
    .description('let a device follow its fleet again')
    .action(async (name: string) => {
      const settings = readSettings()
      const found = await findDevice(settings, name)
      await change(settings, found.id, { is_pinned_on__release: null })
      say(`${found.device_name} follows its fleet.`)
    })
}

export function moveDevice(device: Command): void {
  device
    .command('move <device>')
    .description('move a device to another fleet; its data there stays behind')
    .requiredOption('-f, --fleet <fleet>', 'where to')
    .action(async (name: string, options: { fleet: string }) => {
      const settings = readSettings()
      const [found, fleet] = [await findDevice(settings, name), await findFleet(settings, options.fleet)]
      await change(settings, found.id, { belongs_to__application: fleet.id })
      say(`${found.device_name} belongs to ${fleet.slug} now.`)
    })
}

export function removeDevice(device: Command): void {
  device
    .command('rm [device]')
    .description('remove a device from the platform')
    .option('--virtual', 'a virtual device of this machine, with all that it holds')
    .option('--all', 'with --virtual: all of this machine that belong to this platform')
    .option('-y, --yes', 'do not ask')
    .action(
      async (name: string | undefined, options: { virtual?: boolean; all?: boolean; yes?: boolean }) => {
        if (options.virtual) return removeVirtual(name, options)
        if (!name) throw new Problem('cannot tell which device · name one')
        const settings = readSettings()
        const found = await findDevice(settings, name)
        await confirmed(options.yes, `Remove device ${found.device_name} (${found.uuid.slice(0, 7)})?`)
        await ask(settings, `/v7/device(${found.id})`, { method: 'DELETE' })
        say(`Removed ${found.device_name}.`)
      },
    )
}
