import type { Command } from 'commander'
import { quoted, rows } from '../../find.ts'
import { ask } from '../../http.ts'
import { printJson, remark, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'

export function createFleet(fleet: Command): void {
  fleet
    .command('create <fleet>')
    .description('make a fleet; give it as name or organization/name')
    .option('-t, --type <device type>', "device type that its builds are for (default: this machine's kind)")
    .option('--json', 'print JSON')
    .action(async (name: string, options: { type?: string; json?: boolean }) => {
      const settings = readSettings()
      const made = await makeFleet(settings, name, options.type ?? ownDeviceType())
      if (options.json) return printJson(made)
      say(made.slug)
      remark(
        `Push to it with:\n  git remote add copal ${settings.url}/git/${made.slug}.git\n  git push copal HEAD:main`,
      )
    })
}

/** Creates `organization/name`; without an organization, in the one of the same name as the user. */
export async function makeFleet(
  settings: Settings,
  name: string,
  type: string,
): Promise<{ id: number; slug: string; app_name: string }> {
  const [handle, appName] = name.includes('/')
    ? name.split('/')
    : [(await ask(settings, '/actor/v1/whoami')).username, name]
  const [[organization], [deviceType]] = await Promise.all([
    rows(settings, `organization?$select=id&$filter=handle%20eq%20${quoted(handle!)}`),
    rows(
      settings,
      `device_type?$select=id,slug&$filter=device_type_alias/any(dta:dta/is_referenced_by__alias%20eq%20${quoted(type)})`,
    ),
  ])
  if (!organization) throw new Problem(`cannot create fleet ${name}: there is no organization "${handle}"`)
  if (!deviceType)
    throw new Problem(
      `cannot create fleet ${name}: there is no device type "${type}" · list them with: copal device-type list`,
    )
  return ask(settings, '/v7/application', {
    body: {
      app_name: appName,
      organization: organization.id,
      is_for__device_type: deviceType.id,
      is_of__class: 'fleet',
    },
  })
}

/** The generic device type of the machine that this runs on: what a virtual device here is. */
export function ownDeviceType(): string {
  const types: Partial<Record<NodeJS.Architecture, string>> = {
    x64: 'generic-amd64',
    arm64: 'generic-aarch64',
  }
  const type = types[process.arch]
  if (!type) throw new Problem(`cannot tell the device type of this machine (${process.arch}) · give --type`)
  return type
}
