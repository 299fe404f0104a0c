import type { Command } from 'commander'
import { findDevice, findFleet, quoted, rows } from '../../find.ts'
import { ask, Refused } from '../../http.ts'
import { printJson, printTable, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'

interface Options {
  fleet?: string
  device?: string
  service?: string
  build?: boolean
  json?: boolean
}

export function envCommand(program: Command): void {
  const env = program
    .command('env')
    .summary('variables of fleets, services and devices')
    .description(
      'variables of fleets, services and devices; names that begin with BALENA_ or RESIN_ configure the device',
    )
  const at = (command: Command) =>
    command
      .option('-f, --fleet <fleet>', 'of a fleet')
      .option('-d, --device <device>', 'of one device')
      .option('-s, --service <service>', 'for one service only')
      .option('--build', 'given to builds of the fleet instead of devices')
  at(env.command('list').alias('ls').description('variables of a fleet or device'))
    .option('--json', 'print JSON')
    .action(listVariables)
  at(
    env
      .command('set <assignments...>')
      .description('set NAME=value …; devices restart the services that it concerns'),
  ).action(setVariables)
  at(env.command('rm <names...>').description('remove variables by name')).action(removeVariables)
}

async function listVariables(options: Options): Promise<void> {
  const settings = readSettings()
  const tables = await Promise.all([place(settings, options, false), place(settings, options, true)])
  const found = await Promise.all(
    tables.map(async ({ table, owner, ownerId }) =>
      (await rows(settings, encodeURI(`${table}?$filter=${owner} eq ${ownerId}&$orderby=name asc`))).map(
        (row) => ({ ...row, table }),
      ),
    ),
  )
  const all = options.build || options.service ? found[0]! : found.flat()
  if (options.json) return printJson(all)
  if (all.length === 0) return say('There are no variables.')
  printTable(
    ['NAME', 'VALUE'],
    all.map((row) => [row.name, row.value]),
  )
}

async function setVariables(assignments: string[], options: Options): Promise<void> {
  const settings = readSettings()
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=')
    if (equals < 1) throw new Problem(`cannot set "${assignment}" · write NAME=value`)
    const [name, value] = [assignment.slice(0, equals), assignment.slice(equals + 1)]
    const { table, owner, ownerId } = await place(settings, options, isConfig(name))
    try {
      await ask(settings, `/v7/${table}`, { body: { [owner]: ownerId, name, value } })
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 409) throw error
      await ask(
        settings,
        `/v7/${table}?$filter=${owner}%20eq%20${ownerId}%20and%20name%20eq%20${quoted(name)}`,
        { method: 'PATCH', body: { value } },
      )
    }
    say(`${name} is set.`)
  }
}

async function removeVariables(names: string[], options: Options): Promise<void> {
  const settings = readSettings()
  for (const name of names) {
    const { table, owner, ownerId } = await place(settings, options, isConfig(name))
    const filter = `$filter=${owner}%20eq%20${ownerId}%20and%20name%20eq%20${quoted(name)}`
    if ((await rows(settings, `${table}?$select=id&${filter}`)).length === 0)
      throw new Problem(`cannot remove ${name}: it is not set there`)
    await ask(settings, `/v7/${table}?${filter}`, { method: 'DELETE' })
    say(`${name} is removed.`)
  }
}

const isConfig = (name: string) => /^(?:BALENA|RESIN)_/.test(name)

/** Which table a variable lives in, and whose it is there. */
async function place(
  settings: Settings,
  options: Options,
  config: boolean,
): Promise<{ table: string; owner: string; ownerId: number }> {
  if (Boolean(options.fleet) === Boolean(options.device))
    throw new Problem('cannot tell whose variables · give --fleet or --device, one of them')
  if (options.device) {
    const device = await findDevice(settings, options.device, '$select=id,uuid')
    if (!options.service)
      return {
        table: config ? 'device_config_variable' : 'device_environment_variable',
        owner: 'device',
        ownerId: device.id,
      }
    const [install] = await rows(
      settings,
      `service_install?$select=id&$filter=device%20eq%20${device.id}%20and%20installs__service/any(s:s/service_name%20eq%20${quoted(options.service)})`,
    )
    if (!install)
      throw new Problem(`cannot find service "${options.service}" on device ${device.uuid.slice(0, 7)}`)
    return { table: 'device_service_environment_variable', owner: 'service_install', ownerId: install.id }
  }
  const fleet = await findFleet(settings, options.fleet!)
  if (options.build) return { table: 'build_environment_variable', owner: 'application', ownerId: fleet.id }
  if (!options.service)
    return {
      table: config ? 'application_config_variable' : 'application_environment_variable',
      owner: 'application',
      ownerId: fleet.id,
    }
  const [service] = await rows(
    settings,
    `service?$select=id&$filter=application%20eq%20${fleet.id}%20and%20service_name%20eq%20${quoted(options.service)}`,
  )
  if (!service)
    throw new Problem(
      `cannot find service "${options.service}" in ${fleet.slug} · a service is known after its first release`,
    )
  return { table: 'service_environment_variable', owner: 'service', ownerId: service.id }
}
