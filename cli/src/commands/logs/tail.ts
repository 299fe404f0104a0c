import { setTimeout as sleep } from 'node:timers/promises'
import type { StoredLine } from '@copal/wire/log-line.ts'
import { ask } from '../../http.ts'
import { jsonLines, Lost } from '../../json-lines.ts'
import { remark } from '../../output.ts'
import { SeenLines } from '../../seen-lines.ts'
import type { Settings } from '../../settings.ts'

const mostOfPast = 1000 // lines that the platform tells of the past

/**
 * The last `count` lines of a device and then each that comes, for ever. A connection that breaks is taken up again where it
 * broke, without gap and without doubles, as long as fewer than 1000 lines came meanwhile; more are said to be missing.
 * @throws Problem when the platform refuses: the device is gone, the session is over
 */
export async function* tail(settings: Settings, uuid: string, count: number): AsyncGenerator<StoredLine> {
  const path = `/device/v2/${uuid}/logs`
  const seen = new SeenLines()
  // Without a past, what counts as told is all up to now: a break right after the start is like any other.
  if (count === 0) for (const line of await ask(settings, `${path}?count=100`)) seen.isNew(line)
  let isFirst = count > 0
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      if (!isFirst) seen.reconnected()
      let [fresh, known] = [0, isFirst || !seen.any]
      const lines = jsonLines<StoredLine>(settings, `${path}?stream=1&count=${isFirst ? count : 'all'}`)
      for await (const line of lines) {
        isFirst = false
        wait = 500
        if (!seen.isNew(line)) known = true
        else {
          if (!known && ++fresh === mostOfPast) remark('… before these, lines may be missing …')
          yield line
        }
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error
    }
    if (wait === 500) remark('the connection was lost; trying again …')
    await sleep(wait)
  }
}
