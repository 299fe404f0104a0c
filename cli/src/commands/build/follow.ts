import type { Command } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../http.ts'
import { jsonLines, Lost } from '../../json-lines.ts'
import { withJson, type Json } from '../../options.ts'
import { colourful, printJson, remark } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings, type Settings } from '../../settings.ts'
import { findBuild, isOver, type Build } from './find.ts'

/** A build that runs has no end to wait for when one only wants what it printed: what came before a pause this long. */
const pause = 1000 // ms

interface LogLine {
  line?: string
  status?: Build['status']
}

export function followBuild(build: Command): void {
  build
    .command('follow <build>')
    .description('print what a build prints until it ends; exit code 1 when it does not succeed')
    .option('--json', 'print JSON, one object a line')
    .action(async (name: string, options: Json) => {
      const settings = readSettings()
      await followToEnd(settings, await findBuild(settings, name), options)
    })
}

/**
 * Prints what a build prints until it ends.
 * @throws Problem unless it ends as a success, or `signal` stops the looking on
 */
export async function followToEnd(
  settings: Settings,
  build: Build,
  { json }: Json,
  signal?: AbortSignal,
): Promise<void> {
  const tell = (entry: LogLine) => {
    if (json) process.stdout.write(`${JSON.stringify(entry)}\n`)
    else if (entry.line !== undefined) process.stdout.write(`${colourful(entry.line)}\n`)
  }
  const status = await follow(settings, build, tell, signal)
  if (status !== 'success' && !signal?.aborted) throw new Problem(await verdict(settings, build.id))
}

export function buildLogs(build: Command): void {
  withJson(
    build.command('logs <build>').description('what a build has printed so far, or until its end'),
  ).action(async (name: string, options: Json) => {
    const settings = readSettings()
    const found = await findBuild(settings, name)
    const lines: string[] = []
    const stop = new AbortController()
    const quiet = isOver(found) ? undefined : setTimeout(() => stop.abort(), pause)
    await follow(
      settings,
      found,
      ({ line }) => {
        quiet?.refresh()
        if (line !== undefined) lines.push(line)
      },
      stop.signal,
    )
    clearTimeout(quiet)
    if (options.json) return printJson({ ...found, lines })
    for (const line of lines) process.stdout.write(`${colourful(line)}\n`)
    if (found.error_message) remark(found.error_message)
  })
}

/** Reads a build's log to its end, over connections that break, and tells each line once. */
async function follow(
  settings: Settings,
  build: Build,
  tell: (entry: LogLine) => void,
  signal?: AbortSignal,
): Promise<Build['status'] | undefined> {
  let told = 0
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    let number = 0 // each connection begins with the first line
    try {
      const log = jsonLines<LogLine>(settings, `/builds/v1/${build.id}/log`, signal)
      for await (const entry of log) {
        if (entry.line !== undefined && number++ < told) continue
        if (entry.line !== undefined) told = number
        tell(entry)
        wait = 500
        if (entry.status) return entry.status
      }
    } catch (error) {
      if (signal?.aborted) return undefined
      if (!(error instanceof Lost)) throw error
    }
    if (wait === 500) remark('the connection was lost; trying again …')
    await sleep(wait)
  }
}

async function verdict(settings: Settings, id: number): Promise<string> {
  const { fleet, status, error_message }: Build = await ask(settings, `/builds/v1/${id}`)
  return `Build ${id} of ${fleet} ended as ${status}${error_message ? `: ${error_message}` : ''}.`
}
