import type { Command } from 'commander'
import { cancelBuild } from './cancel.ts'
import { buildLogs, followBuild } from './follow.ts'
import { listBuilds } from './list.ts'

export function buildCommand(program: Command): void {
  const build = program
    .command('build')
    .summary('builds of pushes: list, follow, cancel')
    .description('builds of pushes: name one by its number, or by its fleet for the newest')
  for (const command of [listBuilds, followBuild, buildLogs, cancelBuild]) command(build)
}
