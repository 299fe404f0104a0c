// This machine's package settings as a folder that is mounted at /dev/.copal while something is installed into an
// image: /dev is a tmpfs there, so the mount leaves no trace in a layer; and what a process has in its environment is
// recorded nowhere.
import { lookup } from 'node:dns/promises'
import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PackageSettings } from '@copal/engine/nested-builder.ts'
import type { MachineSettings } from './machine-settings.ts'

/** Where the folder is seen by a process that installs something. */
export const settingsTarget = '/dev/.copal'

/**
 * Writes the folder anew.
 * @param target where it is going to be mounted first (the builder hands it on to `/dev/.copal` of each RUN)
 */
export async function writeSettingsFolder(
  folder: string,
  settings: MachineSettings,
  target: string,
): Promise<PackageSettings> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'local'), { recursive: true })
  const mounts: PackageSettings['mounts'] = []

  const pipLines = await Promise.all(
    settings.pip.map(async ({ key, value }) => {
      const words = await Promise.all(value.split(/\s+/).map((word) => local(word)))
      const kept = words.filter((word) => word !== undefined)
      return kept.length > 0 ? `${key} = ${kept.join(' ')}` : ''
    }),
  )

  /** A folder of this machine is mounted too and called by its new place; one that is not there is left out. */
  async function local(word: string): Promise<string | undefined> {
    const path = word.startsWith('file://') ? new URL(word).pathname : word
    if (!path.startsWith('/')) return word
    const exists = await access(path).then(
      () => true,
      () => false,
    )
    if (!exists) return undefined
    // A simple index points at its files by paths that begin with "../".
    const isIndex = basename(path) === 'simple'
    const source = isIndex ? dirname(path) : path
    const known = mounts.findIndex((mount) => mount.source === source)
    const number =
      known === -1 ? mounts.push({ source, target: `${target}/local/${mounts.length}` }) - 1 : known
    const inside = `${settingsTarget}/local/${number}${isIndex ? '/simple' : ''}`
    return word.startsWith('file://') ? `file://${inside}` : inside
  }

  await Promise.all(mounts.map((_, number) => mkdir(join(folder, 'local', String(number)))))
  const files: Record<string, string> = {
    'apt.conf': settings.aptLines.map((line) => `${line}\n`).join(''),
    npmrc: settings.npmLines.map((line) => `${line}\n`).join(''),
    'pip.conf': ['[global]', ...pipLines.filter((line) => line !== '')].join('\n') + '\n',
    env: environmentLines(settings)
      .map((line) => `${line}\n`)
      .join(''),
    ...(settings.caBundle === undefined ? {} : { 'ca.crt': settings.caBundle }),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return { folder, mounts, allowed: await notPublic(settings) }
}

/** What a process that installs packages is given in its environment. */
function environmentLines(settings: MachineSettings): string[] {
  const lines: string[] = []
  for (const [name, value] of Object.entries(settings.proxies)) {
    lines.push(`${name}=${value}`, `${name.toUpperCase()}=${value}`)
  }
  if (settings.aptLines.length > 0) lines.push(`APT_CONFIG=${settingsTarget}/apt.conf`)
  // Each of these is the lowest of its tool's levels: what a Dockerfile sets goes before.
  if (settings.npmLines.length > 0) lines.push(`NPM_CONFIG_GLOBALCONFIG=${settingsTarget}/npmrc`)
  if (settings.pip.length > 0) lines.push(`PIP_CONFIG_FILE=${settingsTarget}/pip.conf`)
  if (settings.caBundle !== undefined) {
    const file = `${settingsTarget}/ca.crt`
    for (const name of [
      'SSL_CERT_FILE',
      'CURL_CA_BUNDLE',
      'REQUESTS_CA_BUNDLE',
      'PIP_CERT',
      'GIT_SSL_CAINFO',
    ]) {
      lines.push(`${name}=${file}`)
    }
    lines.push(`NODE_EXTRA_CA_CERTS=${file}`)
  }
  return lines
}

/** Mirrors and proxies that lie in this machine's own network, as `address:port`: builds may go there. */
async function notPublic(settings: MachineSettings): Promise<string[]> {
  const text = [
    ...Object.entries(settings.proxies).map(([name, value]) => (name === 'no_proxy' ? '' : value)),
    ...settings.aptLines,
    ...settings.npmLines,
    ...settings.pip.map(({ value }) => value),
  ].join('\n')
  const allowed = new Set<string>()
  for (const [word] of text.matchAll(/\bhttps?:\/\/[^\s"';]+/g)) {
    const url = URL.parse(word)
    if (!url) continue
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    const found = await lookup(url.hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => [])
    for (const { address } of found)
      allowed.add(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
  }
  return [...allowed]
}
