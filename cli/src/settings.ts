// What the CLI remembers between calls: the platform's address, its certificate, and who is logged in.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { Problem } from './problem.ts'

const remembered = z.object({
  /** `https://host:port`, no trailing slash. */
  url: z.string(),
  /** Session token or API key. */
  token: z.string(),
  /** PEM of the platform's own CA, as accepted at login. */
  ca: z.string().optional(),
})
export type Settings = z.infer<typeof remembered>

const folder = () =>
  process.env.COPAL_CONFIG_DIR ?? join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'copal')
const file = () => join(folder(), 'cli.json')

/** `COPAL_URL` and `COPAL_TOKEN` in the environment come before what was remembered at login. */
export function readSettings(): Settings {
  const kept = readKept()
  const url = process.env.COPAL_URL?.replace(/\/+$/, '') ?? kept?.url
  const token = process.env.COPAL_TOKEN ?? (kept && kept.url === url ? kept.token : undefined)
  if (!url || !token)
    throw new Problem('cannot tell which platform, or who you are · type: copal login <address>')
  return { url, token, ...(kept?.url === url && kept.ca && { ca: kept.ca }) }
}

export function readKept(): Settings | undefined {
  try {
    return remembered.parse(JSON.parse(readFileSync(file(), 'utf8')))
  } catch {
    return undefined
  }
}

export function writeSettings(settings: Settings): void {
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  const beside = `${file()}.${process.pid}`
  writeFileSync(beside, JSON.stringify(settings, null, 2) + '\n', { mode: 0o600 })
  renameSync(beside, file())
}

export function forgetSettings(): void {
  rmSync(file(), { force: true })
}
