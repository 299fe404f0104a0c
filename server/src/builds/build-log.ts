// What a build prints goes three ways: to the pusher at once, into rows (so that others can follow on any copy), and, when it
// ends, into its release.
import type { Context } from '../context.ts'
import type { BuildOutput } from './output.ts'

const flushEvery = 400 // ms
const mostCharacters = 1_500_000
const lastLines = 300

export interface BuildLog extends BuildOutput {
  /** For the record only: the pusher is told it otherwise. */
  note(text: string): void
  /** Writes what is left, and gives the whole. */
  close(): Promise<string>
}

/** @param earlier what earlier tries printed; this one goes on behind it */
export function openLog(
  ctx: Context,
  build: number,
  output: BuildOutput,
  earlier = { log: '', nextPiece: 0 },
): BuildLog {
  let kept = earlier.log
  let left = '' // not in a row yet
  let number = earlier.nextPiece
  let dropped = 0
  let last: string[] = []
  let writing: Promise<unknown> = Promise.resolve()
  const timer = setInterval(flush, flushEvery)

  function note(text: string): void {
    // Rows hold no NUL, and a build prints what it likes.
    const line = `${text.replaceAll('\0', '')}\n`
    if (kept.length + line.length > mostCharacters) {
      last.push(line)
      if (last.length > lastLines) last.shift()
      dropped++
      return
    }
    kept += line
    left += line
  }

  function flush(): void {
    if (left === '') return
    const lines = left
    left = ''
    const at = number++
    writing = writing
      .then(() => ctx.db.sql`insert into build_log (build, number, lines) values (${build}, ${at}, ${lines})`)
      .catch((error: unknown) => ctx.log.warn({ err: error }, `lines of build ${build} could not be written`))
  }

  return {
    line(text) {
      note(text)
      output.line(text)
    },
    progress: (text) => output.progress(text),
    release: (id, commit) => output.release(id, commit),
    note,
    async close() {
      clearInterval(timer)
      if (dropped > 0) {
        const tail = `… ${dropped - last.length} lines are left out …\n${last.join('')}`
        kept += tail
        left += tail
        last = []
      }
      flush()
      await writing
      return kept
    },
  }
}
