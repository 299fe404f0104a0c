import { InvalidArgumentError, type Command } from 'commander'
import { confirmed } from '../../confirm.ts'
import { findFleet, inQuery, rows } from '../../find.ts'
import { ask } from '../../http.ts'
import { withJson, type Json } from '../../options.ts'
import { printJson, printTable, remark, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'
import { timeText } from '../../times.ts'

interface CreateOptions extends Json {
  fleet?: string
  description?: string
  expires?: Date
}

export function apiKeyCommand(program: Command): void {
  const apiKey = program
    .command('api-key')
    .summary('keys for programs and for new devices')
    .description('keys that log in programs, or (with --fleet) let new devices join a fleet')
  withJson(
    apiKey
      .command('create <name>')
      .description('make a key and print it, this once')
      .option('-f, --fleet <fleet>', 'a provisioning key of this fleet instead of one of yours')
      .option('--description <text>', 'what it is for')
      .option('--expires <when>', 'a date, or days from now as 30d', readExpiry),
  ).action(createKey)
  withJson(
    apiKey
      .command('list')
      .alias('ls')
      .description('your keys, or those of a fleet; the keys themselves are never shown again')
      .option('-f, --fleet <fleet>', 'the provisioning keys of this fleet'),
  ).action(listKeys)
  apiKey
    .command('revoke <ids...>')
    .alias('rm')
    .description('make keys useless from now on, by the ids that the list shows')
    .option('-y, --yes', 'do not ask')
    .action(revokeKeys)
}

async function createKey(name: string, options: CreateOptions): Promise<void> {
  const settings = readSettings()
  const body = {
    name,
    expiryDate: options.expires?.toISOString() ?? null,
    ...(options.description && { description: options.description }),
  }
  const key: string = options.fleet
    ? await ask(settings, '/api-key/v2', {
        body: {
          ...body,
          actorType: 'application',
          actorTypeId: (await findFleet(settings, options.fleet)).id,
          roles: ['provisioning-api-key'],
        },
      })
    : await ask(settings, '/api-key/user/full', { body })
  if (options.json) return printJson({ name, key, expires: body.expiryDate })
  say(key)
  remark('Keep it: it is shown this once.')
}

async function listKeys(options: Json & { fleet?: string }): Promise<void> {
  const settings = readSettings()
  const actor = await actorOf(settings, options.fleet)
  const query = `api_key?$select=id,name,description,created_at,expiry_date&$filter=is_of__actor eq ${actor}&$orderby=id asc`
  const keys = await rows(settings, inQuery(query))
  if (options.json) return printJson(keys)
  if (keys.length === 0) return say('There are no keys. Make one with: copal api-key create <name>')
  printTable(
    ['ID', 'NAME', 'CREATED', 'EXPIRES', 'DESCRIPTION'],
    keys.map((key) => [
      key.id,
      key.name,
      timeText(key.created_at),
      timeText(key.expiry_date) ?? 'never',
      key.description,
    ]),
  )
}

async function actorOf(settings: Settings, fleet: string | undefined): Promise<number> {
  if (!fleet) return (await ask(settings, '/actor/v1/whoami')).id
  return (await findFleet(settings, fleet, 'id,slug,actor')).actor.__id
}

async function revokeKeys(ids: string[], options: { yes?: boolean }): Promise<void> {
  const settings = readSettings()
  const keys = []
  for (const id of ids) {
    const [key] = /^\d{1,9}$/.test(id) ? await rows(settings, `api_key(${id})?$select=id,name`) : []
    if (!key) throw new Problem(`cannot find key ${id} · list them with: copal api-key list`)
    keys.push(key)
  }
  const names = keys.map((key) => `${key.id} (${key.name ?? 'without a name'})`).join(', ')
  await confirmed(options.yes, `Revoke ${names}?`)
  for (const { id } of keys) await ask(settings, `/v7/api_key(${id})`, { method: 'DELETE' })
  say(`Revoked ${names}.`)
}

function readExpiry(text: string): Date {
  const days = /^(\d{1,5})d$/.exec(text)
  const date = days ? new Date(Date.now() + Number(days[1]) * 86_400_000) : new Date(text)
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('Write a date, or days as 30d.')
  if (date.getTime() < Date.now()) throw new InvalidArgumentError('That is over.')
  return date
}
