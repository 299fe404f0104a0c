import type { Command } from 'commander'
import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { ask } from '../http.ts'
import { remark, say } from '../output.ts'
import { Problem } from '../problem.ts'
import { forgetSettings, readKept, writeSettings } from '../settings.ts'

export function loginCommand(program: Command): void {
  program
    .command('login [address]')
    .description('log in to a platform and remember it')
    .option('-u, --user <name>', 'e-mail or user name')
    .option('-p, --password <password>', 'or in COPAL_PASSWORD; asked for otherwise')
    .option('-t, --token <token>', 'log in with an API key or session token')
    .option('-y, --yes', "trust the platform's certificate without asking")
    .addHelpText(
      'after',
      '\nExamples:\n  copal login http://localhost:4747\n  copal login https://copal.example.net:4747 --token "$KEY"',
    )
    .action(login)
  program
    .command('logout')
    .description('forget the platform and the session')
    .action(() => {
      forgetSettings()
      say('Logged out.')
    })
}

interface LoginOptions {
  user?: string
  password?: string
  token?: string
  yes?: boolean
}

async function login(address: string | undefined, options: LoginOptions): Promise<void> {
  const url = withScheme(address ?? process.env.COPAL_URL ?? readKept()?.url ?? 'http://localhost:4747')
  const ca = url.startsWith('https:') ? await platformCa(url, options) : undefined
  const platform = { url, ...(ca && { ca }) }
  const token = options.token ?? (await sessionByPassword(platform, options))
  const me = await ask({ ...platform, token }, '/actor/v1/whoami')
  writeSettings({ ...platform, token })
  say(`Logged in to ${url} as ${me.username ?? me.slug ?? me.uuid}.`)
}

async function sessionByPassword(
  platform: { url: string; ca?: string },
  options: LoginOptions,
): Promise<string> {
  const given = options.password ?? process.env.COPAL_PASSWORD
  if ((!options.user || !given) && !process.stdin.isTTY)
    throw new Problem('cannot ask for a name and a password here · give --user and --password, or --token')
  const prompts = options.user && given ? undefined : await import('@inquirer/prompts')
  const username = options.user ?? (await prompts!.input({ message: 'E-mail or user name' }))
  const password = given ?? (await prompts!.password({ message: 'Password' }))
  return ask(platform, '/login_', { body: { username, password } })
}

/** The platform signs its own certificate: the first time, a person compares the fingerprint, as with SSH. */
async function platformCa(url: string, options: LoginOptions): Promise<string | undefined> {
  const kept = readKept()
  if (kept?.url === url && kept.ca) return kept.ca
  const pem = await fetchUnverified(new URL('/ca.pem', url))
  const { fingerprint256 } = new X509Certificate(pem)
  remark(`The platform at ${url} has the certificate authority\n  ${fingerprint256}`)
  if (!options.yes) {
    if (!process.stdin.isTTY)
      throw new Problem('cannot ask whether to trust that certificate · compare it and give --yes')
    const { confirm } = await import('@inquirer/prompts')
    if (!(await confirm({ message: 'Trust it?', default: true })))
      throw new Problem('cannot log in without trusting the certificate')
  }
  return pem
}

function fetchUnverified(url: URL): Promise<string> {
  return new Promise((done, failed) => {
    request(url, { rejectUnauthorized: false }, (answer) => text(answer).then(done, failed))
      .once('error', (error) =>
        failed(new Problem(`cannot reach the platform at ${url.origin}: ${error.message}`)),
      )
      .end()
  })
}

function withScheme(address: string): string {
  const url = /^https?:\/\//.test(address)
    ? address
    : `${/^(?:localhost|127\.)/.test(address) ? 'http' : 'https'}://${address}`
  return url.replace(/\/+$/, '')
}
