// The target state: checked as it comes in, kept on disk, read again at the next start.
//
// The shapes are wire/src/target-state.ts. They are checked by hand here, because the schema library costs 10 MB of
// a device's memory; target.test.ts holds both against the same documents.
import { join } from 'node:path'
import type { TargetApp, TargetDevice, TargetRelease, TargetService } from '@copal/wire/target-state.ts'
import { readJson, writeWhole } from './files.ts'

export interface Target {
  /** What the platform called this version; null for one that did not come with a name. */
  etag: string | null
  device: TargetDevice
}

/** The document is not one that we can follow; the sentence says where. */
export class TargetError extends Error {}

const partName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
const environmentName = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const configName = /^[a-zA-Z_][a-zA-Z0-9_:]*$/

/**
 * Takes this device's part out of a target document.
 * @throws TargetError at the first thing that is wrong; unknown fields are passed over
 */
export function checkTarget(document: unknown, uuid: string): TargetDevice {
  const device = record(record(document, 'the document')[uuid], uuid)
  const name = text(device['name'], 'name', 255)
  if (/[\n\r]/.test(name)) throw wrong('name', 'must be one line')
  return {
    name,
    config: mapOf(device['config'], 'config', named(configName, 255), text),
    apps: mapOf(device['apps'], 'apps', named(/^/, 255), app),
  }
}

function app(value: unknown, at: string): TargetApp {
  const it = record(value, at)
  const kind = it['class'] ?? 'fleet'
  if (kind !== 'fleet' && kind !== 'app' && kind !== 'block') {
    throw wrong(`${at}.class`, 'must be fleet, app or block')
  }
  return {
    id: id(it['id'], `${at}.id`),
    name: text(it['name'], `${at}.name`, 255),
    is_host: flag(it['is_host'] ?? false, `${at}.is_host`),
    class: kind,
    releases: mapOf(it['releases'] ?? {}, `${at}.releases`, named(/^/, 255), release),
  }
}

function release(value: unknown, at: string): TargetRelease {
  const it = record(value, at)
  const part = named(partName, 255)
  return {
    id: id(it['id'], `${at}.id`),
    services: mapOf(it['services'] ?? {}, `${at}.services`, part, service),
    volumes: mapOf(it['volumes'] ?? {}, `${at}.volumes`, part, recordOrNull),
    networks: mapOf(it['networks'] ?? {}, `${at}.networks`, part, recordOrNull),
  }
}

function service(value: unknown, at: string): TargetService {
  const it = record(value, at)
  return {
    id: id(it['id'], `${at}.id`),
    image_id: id(it['image_id'], `${at}.image_id`),
    image: text(it['image'], `${at}.image`, 255),
    running: flag(it['running'] ?? true, `${at}.running`),
    environment: mapOf(it['environment'], `${at}.environment`, named(environmentName), text),
    labels: mapOf(it['labels'], `${at}.labels`, named(/^/), text),
    ...(it['contract'] === undefined ? {} : { contract: record(it['contract'], `${at}.contract`) }),
    composition: record(it['composition'] ?? {}, `${at}.composition`),
  }
}

function wrong(at: string, what: string): TargetError {
  return new TargetError(`cannot take the target state: ${at} ${what}`)
}

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw wrong(at, value === undefined ? 'is missing' : 'must be an object')
}

function recordOrNull(value: unknown, at: string): Record<string, unknown> | null {
  return value === null ? null : record(value, at)
}

function mapOf<T>(
  value: unknown,
  at: string,
  checkName: (name: string, at: string) => void,
  check: (value: unknown, at: string) => T,
): Record<string, T> {
  // Without a prototype, so that a service called "constructor" is only what the document says.
  const result = Object.create(null) as Record<string, T>
  for (const [name, entry] of Object.entries(record(value, at))) {
    checkName(name, at)
    result[name] = check(entry, `${at}.${name}`)
  }
  return result
}

function named(pattern: RegExp, longest = Infinity) {
  return (name: string, at: string) => {
    if (name.length > longest) throw wrong(`${at}.${name}`, `has a name of more than ${longest} characters`)
    if (!pattern.test(name)) throw wrong(`${at}.${name}`, 'has a name that is not allowed')
  }
}

function text(value: unknown, at: string, longest = Infinity): string {
  if (typeof value !== 'string') throw wrong(at, value === undefined ? 'is missing' : 'must be text')
  if (value.length > longest) throw wrong(at, `is longer than ${longest} characters`)
  return value
}

function flag(value: unknown, at: string): boolean {
  if (typeof value !== 'boolean') throw wrong(at, 'must be true or false')
  return value
}

/** A whole number from 0, also as text. */
function id(value: unknown, at: string): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0) return number
  throw wrong(at, value === undefined ? 'is missing' : 'must be a whole number')
}

/** The target of last time, so that a device without network runs what it ran. Checked like one that comes in. */
export async function readTarget(state: string, uuid: string): Promise<Target | undefined> {
  const kept = (await readJson(join(state, 'target.json'))) as { etag?: unknown; state?: unknown } | undefined
  if (kept === undefined) return undefined
  try {
    const etag = typeof kept.etag === 'string' ? kept.etag : null
    return { etag, device: checkTarget(kept.state, uuid) }
  } catch {
    return undefined
  }
}

/** Keeps the document as it came, so that a newer supervisor finds fields that this one does not know. */
export function keepTarget(state: string, etag: string | null, document: unknown): Promise<void> {
  return writeWhole(join(state, 'target.json'), JSON.stringify({ etag, state: document }))
}
