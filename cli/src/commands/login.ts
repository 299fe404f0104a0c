import type { Command } from 'commander'
import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { ask, Refused, Untrusted } from '../http.ts'
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
  if (!me.actorType) throw new Problem(`cannot log in to ${url}: it does not answer as a Copal platform does`)
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
  return ask(platform, '/login_', { body: { username, password } }).catch((error) => {
    if (error instanceof Refused && error.status === 401)
      throw new Problem(`cannot log in to ${platform.url} as ${username}: the name or the password is wrong`)
    throw error
  })
}

/**
 * The platform signs its own certificate: the first time, and when the authority is another one, a person compares the
 * fingerprint, as with SSH. Undefined where this machine trusts the certificate anyway.
 */
async function platformCa(url: string, options: LoginOptions): Promise<string | undefined> {
  const kept = readKept()
  const known = kept?.url === url ? kept.ca : undefined
  if (await isTrusted({ url, ...(known && { ca: known }) })) return known
  const pem = await fetchUnverified(new URL('/ca.pem', url))
  const fingerprint = fingerprintOf(pem, url)
  if (known)
    remark(
      `The certificate authority of ${url} is not the one of your last login.\nUnless you know why, somebody may be in between.`,
    )
  remark(`The platform at ${url} has the certificate authority\n  ${fingerprint}`)
  if (!options.yes) {
    if (!process.stdin.isTTY)
      throw new Problem('cannot ask whether to trust that certificate · compare it and give --yes')
    const { confirm } = await import('@inquirer/prompts')
    if (!(await confirm({ message: 'Trust it?', default: !known })))
      throw new Problem('cannot log in without trusting the certificate')
  }
  return pem
}

async function isTrusted(platform: { url: string; ca?: string }): Promise<boolean> {
  try {
    await ask(platform, '/ping')
    return true
  } catch (error) {
    if (error instanceof Untrusted) return false
    throw error
  }
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

function fingerprintOf(pem: string, url: string): string {
  try {
    return new X509Certificate(pem).fingerprint256
  } catch {
    throw new Problem(
      `cannot log in to ${url}: it gives out no certificate authority · is that a Copal platform?`,
    )
  }
}

function withScheme(address: string): string {
  const url = /^https?:\/\//.test(address)
    ? address
    : `${/^(?:localhost|127\.)/.test(address) ? 'http' : 'https'}://${address}`
  if (!URL.canParse(url))
    throw new Problem(`cannot log in to ${address}: that is no address · write https://host:port`)
  return url.replace(/\/+$/, '')
}
