import type { Command } from 'commander'
import { moveDevice, pinDevice, removeDevice, renameDevice, trackDevice } from './change.ts'
import { listDevices } from './list.ts'
import { showDevice } from './show.ts'
import { addDevice, openDevice, powerDevice } from './virtual.ts'

export function deviceCommand(program: Command): void {
  const device = program
    .command('device')
    .description('devices: name them by uuid (7 digits are enough) or name')
  for (const command of [
    listDevices,
    showDevice,
    addDevice,
    openDevice,
    powerDevice,
    renameDevice,
    pinDevice,
    trackDevice,
    moveDevice,
    removeDevice,
  ])
    command(device)
}
