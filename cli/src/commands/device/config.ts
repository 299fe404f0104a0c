import type { Command } from 'commander'
import { writeFileSync } from 'node:fs'
import { findFleet } from '../../find.ts'
import { ask } from '../../http.ts'
import { wholeNumber } from '../../options.ts'
import { printJson, remark } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings } from '../../settings.ts'

interface Options {
  fleet: string
  type?: string
  osVersion: string
  poll?: number
  wifi?: string
  wifiKey?: string
  development?: boolean
  keyName?: string
  output?: string
}

export function deviceConfig(device: Command): void {
  device
    .command('config')
    .description('make the config.json with which new hardware joins a fleet')
    .requiredOption('-f, --fleet <fleet>', 'the fleet that devices with it join')
    .option('-t, --type <device type>', "the device's type, where it is another than the fleet's")
    .option('--os-version <version>', 'of the operating system that will read it', '2.0.0')
    .option('--poll <minutes>', 'how often it looks for changes when nothing tells it', wholeNumber)
    .option('--wifi <ssid>', 'join this wireless network')
    .option('--wifi-key <passphrase>', 'of that network; or in COPAL_WIFI_KEY; asked for otherwise')
    .option('--development', 'open for local work: no password on the console, engine reachable')
    .option('--key-name <name>', 'name of the provisioning key that is made for it')
    .option('-o, --output <file>', 'write it there, readable for you alone, instead of printing it')
    .action(makeConfig)
}

async function makeConfig(options: Options): Promise<void> {
  const settings = readSettings()
  const fleet = await findFleet(settings, options.fleet)
  const wifiKey = options.wifi === undefined ? undefined : await passphrase(options)
  const config = await ask(settings, '/download-config', {
    body: {
      appId: fleet.id,
      version: options.osVersion,
      network: options.wifi === undefined ? 'ethernet' : 'wifi',
      ...(options.wifi !== undefined && { wifiSsid: options.wifi, wifiKey }),
      ...(options.type && { deviceType: options.type }),
      ...(options.poll !== undefined && { appUpdatePollInterval: options.poll }),
      ...(options.development && { developmentMode: true }),
      ...(options.keyName && { provisioningKeyName: options.keyName }),
    },
  })
  if (options.output === undefined) return printJson(config)
  try {
    writeFileSync(options.output, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  } catch (error) {
    throw new Problem(`cannot write ${options.output}: ${(error as Error).message}`)
  }
  remark(
    `Wrote ${options.output} for ${fleet.slug}. Whoever has it can add devices to the fleet.\n` +
      'Put it on the boot partition of the card as config.json.',
  )
}

async function passphrase(options: Options): Promise<string> {
  const given = options.wifiKey ?? process.env.COPAL_WIFI_KEY
  if (given !== undefined) return given
  if (!process.stdin.isTTY)
    throw new Problem(
      `cannot ask for the passphrase of ${options.wifi} here · give --wifi-key or COPAL_WIFI_KEY`,
    )
  const { password } = await import('@inquirer/prompts')
  return password({ message: `Passphrase of ${options.wifi}` })
}
