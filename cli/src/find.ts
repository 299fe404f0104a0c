// From what people type (names, slugs, short uuids, commits) to rows.
import { ask } from './http.ts'
import { Problem } from './problem.ts'
import type { Settings } from './settings.ts'

/** An OData string literal, as it stands in an address. */
export const quoted = (text: string) => encodeURIComponent(`'${text.replaceAll("'", "''")}'`)

/** A query written for people to read, as it stands in an address. Values in it are `quoted`. */
export const inQuery = (query: string) => query.replaceAll(' ', '%20')

export async function rows(settings: Settings, path: string): Promise<any[]> {
  return (await ask(settings, `/v7/${path}`)).d
}

/** The fleet by `org/name`, or by its name alone where only one of yours has it. */
export async function findFleet(
  settings: Settings,
  name: string,
  select = 'id,slug,app_name,uuid',
): Promise<any> {
  const filter = name.includes('/') ? `slug eq ${quoted(name.toLowerCase())}` : `app_name eq ${quoted(name)}`
  const found = await rows(
    settings,
    inQuery(
      `application?$select=${select}&$filter=is_directly_accessible_by__user/any(dau:1 eq 1) and ${filter}&$expand=is_for__device_type($select=slug;$expand=is_of__cpu_architecture($select=slug))`,
    ),
  )
  if (found.length > 1)
    throw new Problem(
      `cannot tell which fleet "${name}" is: ${found.map((fleet) => fleet.slug).join(', ')} · give the whole name`,
    )
  if (found.length === 0)
    throw new Problem(`cannot find a fleet "${name}" · list yours with: copal fleet list`)
  return found[0]
}

/** The device by uuid (7 digits are enough), or by name. */
export async function findDevice(
  settings: Settings,
  name: string,
  query = '$select=id,uuid,device_name',
): Promise<any> {
  const having = (filter: string) => rows(settings, inQuery(`device?${query}&$filter=${filter}`))
  let found = /^[0-9a-f]{7,62}$/.test(name) ? await having(`startswith(uuid,${quoted(name)})`) : []
  if (found.length === 0) found = await having(`device_name eq ${quoted(name)}`)
  if (found.length > 1)
    throw new Problem(
      `cannot tell which device "${name}" is: ${found.map(({ uuid }) => uuid.slice(0, 12)).join(', ')} · give the uuid`,
    )
  if (found.length === 0)
    throw new Problem(`cannot find a device "${name}" · list them with: copal device list`)
  return found[0]
}

/**
 * The release by id, commit (7 digits are enough) or version; of one fleet where it is given. Of several in one fleet it is the
 * newest that succeeded; several fleets with such a release are no answer.
 */
export async function findRelease(
  settings: Settings,
  name: string,
  query = '$select=id,commit,raw_version,status',
  fleet?: { id: number },
): Promise<any> {
  const filter =
    /^\d{1,6}$/.test(name) && !fleet
      ? `id eq ${name}`
      : /^[0-9a-f]{7,40}$/.test(name)
        ? `startswith(commit,${quoted(name)})`
        : `raw_version eq ${quoted(name)}`
  const found = await rows(
    settings,
    inQuery(
      `release?$select=id,status&$expand=belongs_to__application($select=slug)&$filter=${filter}${fleet ? ` and belongs_to__application eq ${fleet.id}` : ''}&$orderby=id desc`,
    ),
  )
  const fleets = [...new Set(found.map((release) => release.belongs_to__application[0]?.slug))]
  if (fleets.length > 1)
    throw new Problem(
      `cannot tell which release "${name}" is: ${fleets.join(', ')} have one · give --fleet, or its commit`,
    )
  const best = found.find((release) => release.status === 'success') ?? found[0]
  if (!best) throw new Problem(`cannot find a release "${name}" · list them with: copal release list <fleet>`)
  return (await rows(settings, `release(${best.id})?${query}`))[0]
}
