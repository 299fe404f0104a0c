import type { Command } from 'commander'
import type { StoredLine } from '@copal/wire/log-line.ts'
import { findDevice } from '../../find.ts'
import { ask } from '../../http.ts'
import { wholeNumber } from '../../options.ts'
import { printJson, remark } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { linePrinter, serviceNames } from './line.ts'
import { tail } from './tail.ts'

interface Options {
  tail?: boolean
  number?: number
  service?: string[]
  system?: boolean
  json?: boolean
}

/** Where lines are missing, the platform and the supervisor say how many; that is shown whatever one looks for. */
const isGap = (line: StoredLine) => line.isSystem && /^\d+ lines? .*dropped/.test(line.message)

export function logsCommand(program: Command): void {
  program
    .command('logs <device>')
    .description('what the services of a device print')
    .option('-t, --tail', 'follow: print new lines as they come')
    .option('-n, --number <lines>', 'how many of the past, at most 1000', wholeNumber)
    .option('-s, --service <services...>', 'only these services')
    .option('--system', 'only lines of the supervisor')
    .option('--json', 'print JSON, one object a line with --tail')
    .action(logs)
}

async function logs(name: string, options: Options): Promise<void> {
  const settings = readSettings()
  const { uuid } = await findDevice(settings, name)
  const serviceName = serviceNames(settings)
  const print = linePrinter(serviceName, isGap)

  async function isWanted(line: StoredLine): Promise<boolean> {
    if (isGap(line)) return true
    if (options.system) return line.isSystem
    if (!options.service) return true
    return line.serviceId != null && options.service.includes(await serviceName(line.serviceId))
  }

  if (options.tail) {
    for await (const line of tail(settings, uuid, options.number ?? 100)) {
      if (!(await isWanted(line))) continue
      if (options.json) process.stdout.write(`${JSON.stringify(line)}\n`)
      else await print(line)
    }
    return
  }
  const all: StoredLine[] = await ask(settings, `/device/v2/${uuid}/logs?count=${options.number ?? 'all'}`)
  const shown: StoredLine[] = []
  for (const line of all) if (await isWanted(line)) shown.push(line)
  if (options.json) return printJson(shown)
  if (shown.length === 0) return remark('There are no lines.')
  for (const line of shown) await print(line)
}
