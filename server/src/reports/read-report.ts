import { stateReport, type StateReport } from '@copal/wire/state-report.ts'
import { badRequest } from '../problems.ts'

const faultsMost = 200

/**
 * The door for reports. A report is the only eye on a device, so one bad value costs that value: it is taken out and the rest
 * is kept. Only where the whole is not understood (no object, a device that is none) is it refused.
 */
export function readReport(body: unknown): StateReport {
  let read = stateReport.safeParse(body)
  if (read.success) return read.data
  const kept = structuredClone(body)
  for (let round = 0; !read.success && round < faultsMost; round++) {
    for (const { path } of read.error.issues) drop(kept, path)
    read = stateReport.safeParse(kept)
  }
  if (!read.success) throw badRequest('cannot use this report: too much of it is not understood')
  return read.data
}

/** Takes out the value at `path`, or what holds it when it is missing there (a service without an image, say). */
function drop(body: unknown, path: PropertyKey[]): void {
  const [, field] = path
  if (path.length < 2 || (path.length === 2 && field === 'apps'))
    throw badRequest(`cannot use this report: ${path.join('.') || 'the body'} is not an object`)
  const parents = path.slice(0, -1)
  let holder: unknown = body
  for (const key of parents) holder = isObject(holder) ? holder[key as string] : undefined
  const key = path.at(-1) as string
  if (!isObject(holder)) return
  if (key in holder) delete holder[key]
  else drop(body, parents)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
