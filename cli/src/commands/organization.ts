import type { Command } from 'commander'
import { inQuery, rows } from '../find.ts'
import { withJson, type Json } from '../options.ts'
import { printJson, printTable } from '../output.ts'
import { readSettings } from '../settings.ts'

export function organizationCommand(program: Command): void {
  const organization = program
    .command('organization')
    .alias('org')
    .description('organizations own fleets and have members')
  withJson(
    organization.command('list').alias('ls').description('the organizations that you belong to'),
  ).action(async (options: Json) => {
    const query =
      'organization?$select=id,name,handle&$expand=application($select=id),organization_membership($select=id)&$orderby=handle asc'
    const found = await rows(readSettings(), inQuery(query))
    if (options.json) return printJson(found)
    printTable(
      ['HANDLE', 'NAME', 'FLEETS', 'MEMBERS'],
      found.map((each) => [
        each.handle,
        each.name,
        each.application.length,
        each.organization_membership.length,
      ]),
    )
  })
}
