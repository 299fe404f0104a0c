// What the host is. Read once at the start: a host that changes these restarts us.
import { join } from 'node:path'
import { readIfThere, readJson } from '../files.ts'
import type { Settings } from '../settings.ts'
import { isRecord, text } from '../wanted.ts'

export interface HostFacts {
  deviceType: string
  /** In the wire's words: `amd64`, `aarch64`, `armv7hf`, `rpi`. */
  arch: string
  /** For people: `CopalOS 1.2.0`. */
  osName: string
  /** Bare, three numbers: clients compare it. */
  osVersion: string
  osVariant: string
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'aarch64', arm: 'armv7hf', ia32: 'i386' }

export async function readHostFacts(
  settings: Settings,
  config: { deviceType?: string; developmentMode?: boolean },
): Promise<HostFacts> {
  const type = await readJson(join(settings.boot, 'device-type.json'))
  const known = isRecord(type) ? type : {}
  const release = parseOsRelease((await readIfThere(join(settings.hostRoot, 'etc/os-release'))) ?? '')
  return {
    deviceType: text(known['slug']) || config.deviceType || 'generic-amd64',
    arch: text(known['arch']) || architectures[process.arch] || process.arch,
    osName: release['PRETTY_NAME'] ?? 'Linux',
    osVersion: threeNumbers(release['VERSION_ID'] ?? ''),
    osVariant: release['VARIANT_ID'] || (config.developmentMode ? 'dev' : 'prod'),
  }
}

/** `NAME="value"` lines, as in `/etc/os-release`. */
export function parseOsRelease(lines: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [, name, quoted, bare] of lines.matchAll(/^(\w+)=(?:"((?:[^"\\]|\\.)*)"|(.*))$/gm)) {
    if (name !== undefined) found[name] = (quoted ?? bare ?? '').replaceAll(/\\(.)/g, '$1')
  }
  return found
}

/** `13` → `13.0.0`. Clients refuse versions below 2.0.0, so one that is missing counts as that. */
export function threeNumbers(version: string): string {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?/.exec(version)
  if (match === null) return '2.0.0'
  const [, major, minor = '0', patch = '0', rest = ''] = match
  return `${major}.${minor}.${patch}${rest}`
}
