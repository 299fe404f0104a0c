import type { Command } from 'commander'
import { moveDevice, pinDevice, removeDevice, renameDevice, trackDevice } from './change.ts'
import { deviceConfig } from './config.ts'
import { listDevices } from './list.ts'
import { showDevice } from './show.ts'
import { addDevice, openDevice, powerDevice } from './virtual.ts'

export function deviceCommand(program: Command): void {
  const device = program
    .command('device')
    .summary('devices, real and virtual')
    .description('devices: name them by uuid (7 digits are enough) or name')
  for (const command of [
    listDevices,
    showDevice,
    addDevice,
    deviceConfig,
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
