import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'

const port = z.coerce.number().int().min(1).max(65535)
const bytes = z
  .string()
  .regex(/^\d+(?:\s*[KMGT]i?B?)?$/i, 'give a size such as 500M or 2G')
  .transform((text) => {
    const [, number, unit] = /^(\d+)\s*([KMGT])?/i.exec(text)!
    return Number(number) * 1024 ** ' KMGT'.indexOf((unit ?? ' ').toUpperCase())
  })
const yes = z
  .enum(['0', '1', 'true', 'false', 'yes', 'no'])
  .transform((word) => ['1', 'true', 'yes'].includes(word))

interface Setting {
  parse: z.ZodType
  /** As it would be written in the environment; absent: empty, or worked out as the sentence says. */
  default?: string
  sentence: string
}

/** Every setting there is. Nothing else reads the environment; `docs/settings.md` is printed from this table. */
export const settings = {
  COPAL_PORT: {
    parse: port,
    default: '4747',
    sentence: 'The one TCP port: plain HTTP and TLS on it, told apart by the first byte.',
  },
  COPAL_HOST: {
    parse: z.string(),
    default: '::',
    sentence: 'The address that is listened on; all interfaces unless set.',
  },
  COPAL_URL: {
    parse: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
    sentence:
      'What devices, laptops and builders are told: scheme, host and port. Default: https, the LAN address and the port. May change at any time.',
  },
  COPAL_INTERNAL_NAME: {
    parse: z.string(),
    default: 'platform.copal.internal',
    sentence: 'The name by which virtual devices and builders on this machine know the platform.',
  },
  COPAL_DATA_DIR: {
    parse: z.string(),
    default: '.copal',
    sentence: 'Where database, blobs, caches and the secret are kept, when they are embedded.',
  },
  COPAL_SECRET: {
    parse: z.string().min(16, 'at least 16 characters'),
    sentence:
      'Seals what must be readable again (CA and signing keys). Default: made at the first start, in the data folder, mode 600.',
  },
  COPAL_DATABASE_URL: {
    parse: z.string(),
    sentence: 'A PostgreSQL from 15 on. `npm start` runs an embedded one and sets this when it is empty.',
  },
  COPAL_BLOBS: {
    parse: z.string(),
    sentence: 'Where blobs are kept: a folder. Default: `blobs` in the data folder.',
  },
  COPAL_ADMIN_EMAIL: {
    parse: z.email(),
    default: 'admin@copal.local',
    sentence: 'The first administrator, made when there is no user.',
  },
  COPAL_ADMIN_PASSWORD: {
    parse: z.string().min(8),
    sentence: 'Their password. Default: made at the first start and shown once.',
  },
  COPAL_DOCKER_HOST: {
    parse: z.string(),
    default: 'unix:///var/run/docker.sock',
    sentence: 'The Docker Engine on which builders run.',
  },
  COPAL_BUILDS_AT_ONCE: {
    parse: z.coerce.number().int().min(1),
    default: '2',
    sentence: 'Builds that run at the same moment; others wait in a queue.',
  },
  COPAL_BUILD_MINUTES: {
    parse: z.coerce.number().int().min(1),
    default: '120',
    sentence: 'A build that takes longer is ended.',
  },
  COPAL_BUILD_MEMORY: { parse: bytes, default: '4G', sentence: 'Memory of a builder.' },
  COPAL_BUILD_DISK: { parse: bytes, default: '40G', sentence: 'Bytes of layer cache that a builder keeps.' },
  COPAL_BUILD_ALLOW: {
    parse: z.string(),
    default: '',
    sentence: 'Addresses (comma separated, CIDR) in private networks that builds may reach.',
  },
  COPAL_BUILD_PACKAGES: {
    parse: yes,
    default: '1',
    sentence: "Whether builds get this machine's settings for apt, npm, pip, proxies and CA certificates.",
  },
  COPAL_CONTEXT_LIMIT: {
    parse: bytes,
    default: '2G',
    sentence: 'The largest source tree or upload that is built.',
  },
  COPAL_PACK_LIMIT: { parse: bytes, default: '2G', sentence: 'The largest pack that one git push may send.' },
  COPAL_TELL_PER_SECOND: {
    parse: z.coerce.number().int().min(1),
    default: '500',
    sentence: 'How many connected devices each copy tells in a second that their target changed.',
  },
  COPAL_LOG_DAYS: {
    parse: z.coerce.number().int().min(1),
    default: '30',
    sentence: 'How many days the log lines of devices are kept.',
  },
  COPAL_LOG_LINES_PER_SECOND: {
    parse: z.coerce.number().int().min(1),
    default: '500',
    sentence:
      'Log lines that one device may send in a second, over time; bursts of twenty times as many are taken. Where more are dropped, a line says how many.',
  },
  COPAL_GRACE_HOURS: {
    parse: z.coerce.number().min(2),
    default: '24',
    sentence:
      'What was pushed, or told to a pusher as present, within this time is never collected as rubbish. Longer than any push takes.',
  },
  COPAL_KEEP_DRAFT_DAYS: {
    parse: z.coerce.number().min(1),
    default: '30',
    sentence:
      'How many days after their last change drafts, and releases that failed or were cancelled, keep their images.',
  },
  COPAL_KEEP_FINAL_DAYS: {
    parse: z.coerce.number().min(1),
    sentence: 'The same for final releases that nobody needs any more. Default: for ever.',
  },
  COPAL_KEEP_LAST: {
    parse: z.coerce.number().int().min(0),
    default: '10',
    sentence: 'How many of the newest successful releases of each fleet keep their images, however old.',
  },
  COPAL_LOG_LEVEL: {
    parse: z.enum(['debug', 'info', 'warn', 'error']),
    default: 'info',
    sentence: 'What the server logs.',
  },
} satisfies Record<string, Setting>

export interface Config {
  port: number
  host: string
  /** `scheme://host[:port]`, no trailing slash. */
  url: string
  /** `host[:port]` of the registry as devices are told it. */
  registryHost: string
  internalName: string
  dataDir: string
  secret: string
  databaseUrl: string
  blobs: string
  admin: { email: string; password: string | undefined }
  dockerHost: string
  builds: {
    atOnce: number
    minutes: number
    memory: number
    disk: number
    allow: string[]
    givePackages: boolean
  }
  /** Bytes. */
  contextLimit: number
  packLimit: number
  tellPerSecond: number
  deviceLogs: { days: number; linesPerSecond: number }
  /** What the registry keeps: docs/decisions/collection.md. */
  collection: {
    graceHours: number
    draftDays: number
    /** Undefined: for ever. */
    finalDays: number | undefined
    lastReleases: number
  }
  logLevel: string
}

/** Reads the table; throws one error that tells all faults together. Makes the data folder and its secret. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const get = <K extends keyof typeof settings>(name: K): z.output<(typeof settings)[K]['parse']> => {
    const setting: Setting = settings[name]
    const text = environment[name] || setting.default
    if (text === undefined) return undefined as never
    const read = setting.parse.safeParse(text)
    if (read.success) return read.data as never
    faults.push(
      `${name}: ${read.error.issues[0]?.message ?? 'not understood'} (it is ${JSON.stringify(text)})`,
    )
    return undefined as never
  }

  const dataDir = resolve(get('COPAL_DATA_DIR') ?? '.copal')
  const thePort = get('COPAL_PORT')
  const url = get('COPAL_URL') ?? `https://${lanAddress()}:${thePort}`
  const config: Omit<Config, 'secret' | 'registryHost'> = {
    port: thePort,
    host: get('COPAL_HOST'),
    url,
    internalName: get('COPAL_INTERNAL_NAME'),
    dataDir,
    databaseUrl: get('COPAL_DATABASE_URL'),
    blobs: resolve(get('COPAL_BLOBS') ?? join(dataDir, 'blobs')),
    admin: { email: get('COPAL_ADMIN_EMAIL'), password: get('COPAL_ADMIN_PASSWORD') },
    dockerHost: get('COPAL_DOCKER_HOST'),
    builds: {
      atOnce: get('COPAL_BUILDS_AT_ONCE'),
      minutes: get('COPAL_BUILD_MINUTES'),
      memory: get('COPAL_BUILD_MEMORY'),
      disk: get('COPAL_BUILD_DISK'),
      allow: (get('COPAL_BUILD_ALLOW') ?? '').split(',').filter(Boolean),
      givePackages: get('COPAL_BUILD_PACKAGES'),
    },
    contextLimit: get('COPAL_CONTEXT_LIMIT'),
    packLimit: get('COPAL_PACK_LIMIT'),
    tellPerSecond: get('COPAL_TELL_PER_SECOND'),
    deviceLogs: { days: get('COPAL_LOG_DAYS'), linesPerSecond: get('COPAL_LOG_LINES_PER_SECOND') },
    collection: {
      graceHours: get('COPAL_GRACE_HOURS'),
      draftDays: get('COPAL_KEEP_DRAFT_DAYS'),
      finalDays: get('COPAL_KEEP_FINAL_DAYS'),
      lastReleases: get('COPAL_KEEP_LAST'),
    },
    logLevel: get('COPAL_LOG_LEVEL'),
  }
  const secret = get('COPAL_SECRET')
  if (!config.databaseUrl)
    faults.push('COPAL_DATABASE_URL: empty · start with `npm start`, which runs an embedded PostgreSQL')
  if (faults.length > 0) throw new Error(`cannot start, the settings are wrong:\n  ${faults.join('\n  ')}`)
  return { ...config, registryHost: new URL(url).host, secret: secret ?? secretFile(dataDir) }
}

function secretFile(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true })
  const path = join(dataDir, 'secret')
  if (!existsSync(path))
    writeFileSync(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  return readFileSync(path, 'utf8').trim()
}

function lanAddress(): string {
  const addresses = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:docker|br-|veth|lo)/.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
  return addresses[0]?.address ?? '127.0.0.1'
}
