import type { Command } from 'commander'
import { createFleet } from './create.ts'
import { listFleets } from './list.ts'
import { pinFleet, trackFleet } from './pin.ts'
import { removeFleet } from './rm.ts'
import { renameFleet } from './rename.ts'
import { showFleet } from './show.ts'

export function fleetCommand(program: Command): void {
  const fleet = program.command('fleet').description('fleets: devices that run the same releases')
  for (const command of [listFleets, showFleet, createFleet, renameFleet, pinFleet, trackFleet, removeFleet])
    command(fleet)
}
