import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { refusal, send } from './http.ts'
import { Problem } from './problem.ts'
import type { Settings } from './settings.ts'

/** The platform tells something at least every 30 s, be it an empty line; a path that died in silence is found out here. */
const silenceMost = 75_000 // ms

/** The connection broke, or the platform is away for now: try again. */
export class Lost extends Problem {}

/**
 * Objects of an endless answer, one a line, as they come.
 * @throws Lost when it makes sense to ask again; Problem when the platform refuses
 */
export async function* jsonLines<Entry>(
  settings: Settings,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(), silenceMost)
  try {
    const answer = await send(settings, path, {
      signal: signal ? AbortSignal.any([signal, silent.signal]) : silent.signal,
    }).catch((error) => {
      throw new Lost((error as Error).message)
    })
    const status = answer.statusCode!
    if (status !== 200) {
      const body = await text(answer)
      if (status === 429 || status >= 500) throw new Lost(`the platform answered ${status}`)
      throw refusal(status, body)
    }
    for await (const line of linesOf(answer, () => timer.refresh())) if (line) yield JSON.parse(line) as Entry
  } finally {
    clearTimeout(timer)
    silent.abort()
  }
}

/** An end in the middle of a line is no line: the connection broke. */
async function* linesOf(answer: IncomingMessage, onBytes: () => void): AsyncGenerator<string> {
  answer.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of answer) {
      onBytes()
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      yield* lines
    }
  } catch (error) {
    throw new Lost((error as Error).message)
  }
}
