// Where a line stands in a container's log, and how to go on after it. Pure but for what `read` does.
//
// The engine gives each line the time at which it came, to the nanosecond, and reads from a time on. Times may repeat, they go back
// when the clock is set, and after a power cut the end of the engine's file may be gone. So the line itself is looked for.
import type { LogLine } from '@copal/engine/container-logs.ts'

export interface Place {
  /** As the engine gives it, with nine digits of seconds. */
  time: string
  /** How many lines of that very time follow each other, up to and with this one. */
  lines: number
}

/** Reads a container's log. @param since an instant, inclusive, as the engine takes it */
export type ReadLog = (options: { follow: boolean; since?: string }) => AsyncIterable<LogLine>

export const written = ({ time, lines }: Place): string => `${time}+${lines}`

/** Undefined when it is none. */
export function placeOf(text: string | undefined): Place | undefined {
  const [time = '', lines = ''] = text?.split('+') ?? []
  return Number.isNaN(Date.parse(time)) || !/^\d+$/.test(lines) ? undefined : { time, lines: Number(lines) }
}

/** The lines after `from`, and those that come. */
export async function* linesAfter(
  read: ReadLog,
  from: Place | undefined,
): AsyncGenerator<{ line: LogLine; place: Place }> {
  if (from === undefined) return yield* placed(read({ follow: true }))
  const since = secondsOf(from.time)
  if (await isThere(placed(read({ follow: false, since })), from)) {
    let passed = false
    for await (const one of placed(read({ follow: true, since }))) {
      if (passed) yield one
      else passed = isAt(one.place, from)
    }
    return
  }
  // The line itself is gone. Either the engine threw old lines away, and all that are left are newer; or the end of its file was lost,
  // and what is left was sent, up to a newer line or to where the clock was set back (as at a boot).
  let before = ''
  let passed = false
  for await (const one of placed(read({ follow: true }))) {
    const { time, lines } = one.place
    passed ||= time < before || time > from.time || (time === from.time && lines > from.lines)
    before = time
    if (passed) yield one
  }
}

async function isThere(lines: AsyncIterable<{ place: Place }>, wanted: Place): Promise<boolean> {
  for await (const { place } of lines) if (isAt(place, wanted)) return true
  return false
}

const isAt = (one: Place, other: Place) => one.time === other.time && one.lines === other.lines

async function* placed(lines: AsyncIterable<LogLine>): AsyncGenerator<{ line: LogLine; place: Place }> {
  let place: Place = { time: '', lines: 0 }
  for await (const line of lines) {
    const time = padded(line.time)
    place = { time, lines: time === place.time ? place.lines + 1 : 1 }
    yield { line, place }
  }
}

/** Nine digits of seconds, so that times compare as text. */
function padded(time: string): string {
  const [whole = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}Z`
}

/** Seconds since 1970 with nine digits, as the engine takes `since`. */
function secondsOf(time: string): string {
  const [whole = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${Date.parse(`${whole}Z`) / 1000}.${fraction}`
}
