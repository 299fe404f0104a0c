import type { Command } from 'commander'
import { findDevice, findFleet, findRelease, inQuery, quoted, rows } from '../../find.ts'
import { ask, Refused } from '../../http.ts'
import { withJson, type Json } from '../../options.ts'
import { printJson, printTable, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'

interface Options extends Json {
  fleet?: string
  device?: string
  release?: string
}

interface Place {
  table: string
  owner: string
  id: number
  /** For people. */
  name: string
}

export function tagCommand(program: Command): void {
  const tag = program
    .command('tag')
    .summary('names with values on fleets, devices and releases')
    .description(
      'tags: names with values on fleets, devices and releases, for you alone; devices do not see them',
    )
  const at = (command: Command) =>
    command
      .option('-f, --fleet <fleet>', 'of a fleet; with --release: the fleet of that release')
      .option('-d, --device <device>', 'of a device')
      .option('-r, --release <release>', 'of a release')
  withJson(at(tag.command('list').alias('ls').description('the tags of a fleet, device or release'))).action(
    listTags,
  )
  at(tag.command('set <key> [value]').description('set a tag; without a value it is only there')).action(
    setTag,
  )
  at(tag.command('rm <keys...>').description('remove tags')).action(removeTags)
}

async function listTags(options: Options): Promise<void> {
  const settings = readSettings()
  const { table, owner, id, name } = await place(settings, options)
  const query = `${table}?$select=id,tag_key,value&$filter=${owner} eq ${id}&$orderby=tag_key asc`
  const tags = await rows(settings, inQuery(query))
  if (options.json) return printJson(tags)
  if (tags.length === 0) return say(`There are no tags on ${name}.`)
  printTable(
    ['KEY', 'VALUE'],
    tags.map((tag) => [tag.tag_key, tag.value]),
  )
}

async function setTag(key: string, value: string | undefined, options: Options): Promise<void> {
  const settings = readSettings()
  const { table, owner, id, name } = await place(settings, options)
  try {
    await ask(settings, `/v7/${table}`, { body: { [owner]: id, tag_key: key, value: value ?? '' } })
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) throw error
    const query = `${table}?$filter=${owner} eq ${id} and tag_key eq ${quoted(key)}`
    await ask(settings, `/v7/${inQuery(query)}`, { method: 'PATCH', body: { value: value ?? '' } })
  }
  say(`Tag ${key} is set on ${name}.`)
}

async function removeTags(keys: string[], options: Options): Promise<void> {
  const settings = readSettings()
  const { table, owner, id, name } = await place(settings, options)
  for (const key of keys) {
    const query = inQuery(`${table}?$select=id&$filter=${owner} eq ${id} and tag_key eq ${quoted(key)}`)
    if ((await rows(settings, query)).length === 0)
      throw new Problem(`cannot remove tag ${key}: it is not on ${name}`)
    await ask(settings, `/v7/${query}`, { method: 'DELETE' })
    say(`Tag ${key} is removed from ${name}.`)
  }
}

async function place(settings: Settings, { fleet, device, release }: Options): Promise<Place> {
  if (device && !fleet && !release) {
    const found = await findDevice(settings, device)
    return { table: 'device_tag', owner: 'device', id: found.id, name: `device ${found.device_name}` }
  }
  if (release && !device) {
    const of = fleet === undefined ? undefined : await findFleet(settings, fleet)
    const found = await findRelease(settings, release, undefined, of)
    return {
      table: 'release_tag',
      owner: 'release',
      id: found.id,
      name: `release ${found.commit.slice(0, 7)}`,
    }
  }
  if (fleet && !device) {
    const found = await findFleet(settings, fleet)
    return { table: 'application_tag', owner: 'application', id: found.id, name: `fleet ${found.slug}` }
  }
  throw new Problem('cannot tell whose tags · give --fleet, --device or --release, one of them')
}
