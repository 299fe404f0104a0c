import type { Command } from 'commander'
import { inQuery, rows } from '../find.ts'
import { withJson, type Json } from '../options.ts'
import { printJson, printTable } from '../output.ts'
import { readSettings } from '../settings.ts'

export function deviceTypeCommand(program: Command): void {
  const deviceType = program.command('device-type').description('the kinds of devices that fleets are for')
  withJson(
    deviceType
      .command('list')
      .alias('ls')
      .description('device types, with the processor that builds are made for')
      .option('--arch <architecture>', 'only of this processor: amd64, aarch64, armv7hf, rpi, i386'),
  ).action(async (options: Json & { arch?: string }) => {
    const query =
      'device_type?$select=slug,name&$expand=is_of__cpu_architecture($select=slug),device_type_alias($select=is_referenced_by__alias)&$orderby=slug asc'
    const all = await rows(readSettings(), inQuery(query))
    const wanted = all.filter((each) => !options.arch || archOf(each) === options.arch)
    if (options.json) return printJson(wanted)
    printTable(
      ['DEVICE TYPE', 'PROCESSOR', 'NAME', 'ALSO'],
      wanted.map((each) => [each.slug, archOf(each), each.name, aliasesOf(each)]),
    )
  })
}

const archOf = (type: any): string => type.is_of__cpu_architecture[0]?.slug

const aliasesOf = (type: any) =>
  type.device_type_alias
    .map((alias: any) => alias.is_referenced_by__alias)
    .filter((alias: string) => alias !== type.slug)
    .join(', ')
