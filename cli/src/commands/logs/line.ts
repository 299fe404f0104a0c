import type { StoredLine } from '@copal/wire/log-line.ts'
import { rows } from '../../find.ts'
import { dim, oneLine, red, yellow } from '../../output.ts'
import type { Settings } from '../../settings.ts'

/** Prints lines for people: time of the device, service, text; errors red, gaps yellow. */
export function linePrinter(
  serviceName: (id: number) => Promise<string>,
  isGap: (line: StoredLine) => boolean,
): (line: StoredLine) => Promise<void> {
  return async (line) => {
    const time = new Date(line.timestamp)
    const clock = dim(Number.isNaN(time.getTime()) ? '--:--:--' : time.toLocaleTimeString('en-GB'))
    const text = oneLine(line.message)
    const said = isGap(line) ? yellow(`… ${text} …`) : line.isStdErr ? red(text) : text
    process.stdout.write(`${clock} [${await source(line)}] ${said}\n`)
  }

  async function source({ isSystem, serviceId }: StoredLine): Promise<string> {
    if (isSystem || serviceId == null) return 'supervisor'
    return oneLine(await serviceName(serviceId))
  }
}

/** Names of services by id, each asked for once; the number where the service is gone. */
export function serviceNames(settings: Settings): (id: number) => Promise<string> {
  const known = new Map<number, Promise<string>>()
  return (id) => {
    const name =
      known.get(id) ??
      rows(settings, `service(${id})?$select=service_name`).then(
        ([row]) => row?.service_name ?? String(id),
        () => String(id),
      )
    known.set(id, name)
    return name
  }
}
