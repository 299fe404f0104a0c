import type { Command } from 'commander'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import { findDevice, rows } from '../find.ts'
import { ask, refusal, send } from '../http.ts'
import { dim, harmless, printJson, remark } from '../output.ts'
import { readSettings, type Settings } from '../settings.ts'

interface Line {
  timestamp: number
  message: string
  isSystem: boolean
  isStdErr: boolean
  serviceId?: number | null
}

export function logsCommand(program: Command): void {
  program
    .command('logs <device>')
    .description('what the services of a device print')
    .option('-t, --tail', 'follow: print new lines as they come')
    .option('-n, --number <lines>', 'how many of the past')
    .option('-s, --service <services...>', 'only these services')
    .option('--system', 'only lines of the supervisor')
    .option('--json', 'print JSON, one object a line with --tail')
    .action(logs)
}

async function logs(
  name: string,
  options: { tail?: boolean; number?: string; service?: string[]; system?: boolean; json?: boolean },
): Promise<void> {
  const settings = readSettings()
  const device = await findDevice(settings, name)
  const serviceName = serviceNames(settings)
  const path = `/device/v2/${device.uuid}/logs`
  const wanted = async (line: Line) => {
    if (options.system) return line.isSystem
    return (
      !options.service ||
      (line.serviceId != null && options.service.includes(await serviceName(line.serviceId)))
    )
  }
  const print = async (line: Line) => {
    const service = line.isSystem
      ? 'supervisor'
      : line.serviceId == null
        ? ''
        : await serviceName(line.serviceId)
    const text = harmless(line.message)
    const time = new Date(line.timestamp).toLocaleTimeString('en-GB')
    process.stdout.write(
      `${dim(time)} ${service && `[${service}] `}${line.isStdErr ? styleText('red', text, { stream: process.stdout }) : text}\n`,
    )
  }

  if (!options.tail) {
    const lines: Line[] = await ask(settings, `${path}?count=${options.number ?? 'all'}`)
    const shown: Line[] = []
    for (const line of lines) if (await wanted(line)) shown.push(line)
    if (options.json) return printJson(shown)
    for (const line of shown) await print(line)
    return
  }

  // The connection may break: go on from the last line seen.
  let query = `stream=1&count=${options.number ?? 100}`
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      const answer = await send(settings, `${path}?${query}`)
      if (answer.statusCode !== 200) throw refusal(answer.statusCode!, '')
      for await (const text of createInterface({ input: answer })) {
        if (!text) continue
        const line = JSON.parse(text) as Line & { createdAt: number }
        query = `stream=1&count=all&start=${line.createdAt + 1}`
        pause = 500
        if (!(await wanted(line))) continue
        if (options.json) process.stdout.write(`${text}\n`)
        else await print(line)
      }
    } catch (error) {
      if ((error as { status?: number }).status) throw error
    }
    remark(dim('the connection was lost; trying again …'))
    await sleep(pause)
  }
}

/** Names of services by id, each asked for once. */
function serviceNames(settings: Settings): (id: number) => Promise<string> {
  const known = new Map<number, Promise<string>>()
  return (id) => {
    const name =
      known.get(id) ??
      rows(settings, `service(${id})?$select=service_name`).then(([row]) => row?.service_name ?? String(id))
    known.set(id, name)
    return name
  }
}
