// What this machine uses to get packages: proxies, mirrors, registries, extra certificates. Read from where apt,
// npm and pip keep it, so that whoever set up the machine has nothing to say twice.
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const exec = promisify(execFile)

export interface MachineSettings {
  /** `http_proxy` and its kin, lower case. */
  proxies: Record<string, string>
  /** apt's own proxies and other ways to reach mirrors, as lines of an apt.conf. */
  aptLines: string[]
  /** Mirrors in use, where they are not Debian's own; without a slash at the end. */
  debianMirror?: string
  debianSecurityMirror?: string
  /** npm's settings for registries and proxies, as lines of an npmrc. */
  npmLines: string[]
  /** pip's settings for indexes and proxies. */
  pip: { key: string; value: string }[]
  /** Every certificate authority that this machine trusts, when it trusts more than Debian does. */
  caBundle?: string
}

let known: Promise<MachineSettings> | undefined

/** Reads them once in the life of the process. */
export function readMachineSettings(): Promise<MachineSettings> {
  known ??= read()
  return known
}

async function read(): Promise<MachineSettings> {
  const [aptLines, mirrors, npmLines, pip, caBundle] = await Promise.all([
    readAptLines(),
    readMirrors(),
    readNpmLines(),
    readPip(),
    readCaBundle(),
  ])
  return {
    proxies: readProxies(process.env),
    aptLines,
    ...mirrors,
    npmLines,
    pip,
    ...(caBundle === undefined ? {} : { caBundle }),
  }
}

export function readProxies(environment: NodeJS.ProcessEnv): Record<string, string> {
  const proxies: Record<string, string> = {}
  for (const name of ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy']) {
    const value = environment[name] ?? environment[name.toUpperCase()]
    if (value) proxies[name] = value
  }
  return proxies
}

/** The lines of apt's configuration that say how mirrors are reached. */
async function readAptLines(): Promise<string[]> {
  const dump = await output('apt-config', ['dump', '--format', '%F "%v";%n'])
  return dump.split('\n').filter(isAptTransport)
}

export function isAptTransport(line: string): boolean {
  const match = /^Acquire::(?:https?|ftp)::(\S*?) "(.+)";$/i.exec(line)
  if (!match) return false
  const [, key = '', value = ''] = match
  // Pipelining and time-outs do no harm; files that are named here (certificates) are not there in an image.
  return value !== '' && !value.startsWith('/') && !/Auto-Detect|User-Agent/i.test(key)
}

async function readMirrors(): Promise<{ debianMirror?: string; debianSecurityMirror?: string }> {
  const set = process.env['COPAL_DEBIAN_MIRROR']
  if (set) return { debianMirror: set.replace(/\/+$/, '') }
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  if (!/^ID=debian$/m.test(release)) return {}
  const folder = '/etc/apt/sources.list.d'
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name))
  const texts = await Promise.all(
    ['/etc/apt/sources.list', ...names.map((name) => `${folder}/${name}`)].map((file) =>
      readFile(file, 'utf8').catch(() => ''),
    ),
  )
  return findMirrors(texts.join('\n\n'))
}

/** The mirrors named in apt's sources, of either format, where they are not Debian's own. */
export function findMirrors(sources: string): { debianMirror?: string; debianSecurityMirror?: string } {
  const uris = sources
    .split('\n')
    .filter((line) => /^\s*(?:deb\s|URIs:)/i.test(line))
    .flatMap((line) => line.match(/\bhttps?:\/\/\S+/g) ?? [])
    .map((uri) => uri.replace(/\/+$/, ''))
    .filter((uri) => !/\/\/(?:deb|security|ftp)\.debian\.org\//.test(`${uri}/`))
  const debianMirror = uris.find((uri) => uri.endsWith('/debian'))
  const debianSecurityMirror = uris.find((uri) => uri.endsWith('/debian-security'))
  return { ...(debianMirror && { debianMirror }), ...(debianSecurityMirror && { debianSecurityMirror }) }
}

// Where packages come from, and nothing that says who is asking: tokens of this machine are not for builds.
const npmKeys = /^(?:registry|proxy|https-proxy|noproxy|@[^:]+:registry)$/

async function readNpmLines(): Promise<string[]> {
  const config = parseJson(await output('npm', ['config', 'list', '--json']))
  return Object.entries(config)
    .filter(
      ([key, value]) => npmKeys.test(key) && value !== null && !['', npmDefault].includes(String(value)),
    )
    .map(([key, value]) => `${key}=${String(value)}`)
}

const npmDefault = 'https://registry.npmjs.org/'

const pipKeys = new Set([
  'index-url',
  'extra-index-url',
  'find-links',
  'proxy',
  'trusted-host',
  'no-index',
  'timeout',
])

async function readPip(): Promise<MachineSettings['pip']> {
  const text = await output('pip3', ['config', 'list'])
  const fromEnvironment = Object.entries(process.env)
    .filter(([name]) => name.startsWith('PIP_'))
    .map(([name, value]) => `:env:.${name.slice(4).toLowerCase().replaceAll('_', '-')}='${value}'`)
  return parsePip(`${text}\n${fromEnvironment.join('\n')}`)
}

/** Reads what `pip config list` prints: `global.index-url='https://…'`; a later line of a key wins. */
export function parsePip(text: string): MachineSettings['pip'] {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^[^=]*\.([a-z-]+)='(.*)'$/.exec(line)
    if (!match) continue
    const [, key = '', value = ''] = match
    if (pipKeys.has(key) && value !== '') found.set(key, value.replaceAll('\\n', ' ').trim())
  }
  return [...found].map(([key, value]) => ({ key, value }))
}

async function readCaBundle(): Promise<string | undefined> {
  const own = await readdir('/usr/local/share/ca-certificates').catch(() => [])
  const named = process.env['SSL_CERT_FILE'] ?? process.env['NODE_EXTRA_CA_CERTS']
  if (own.length === 0 && !named) return undefined
  const bundle = await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8').catch(() => '')
  const extra =
    named && named !== '/etc/ssl/certs/ca-certificates.crt'
      ? await readFile(named, 'utf8').catch(() => '')
      : ''
  const all = `${bundle}${extra}`
  return all === '' ? undefined : all
}

async function output(program: string, args: string[]): Promise<string> {
  // Not installed, or not content: then there is nothing set either.
  const { stdout } = await exec(program, args, {
    cwd: '/',
    maxBuffer: 4_000_000,
    timeout: 20_000,
  }).catch(() => ({ stdout: '' }))
  return stdout
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
