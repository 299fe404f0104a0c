/** Where a pusher reads how the build goes: side-band lines of git, objects of `/v3/build`, nothing at all. */
export interface BuildOutput {
  /** A line for good, without newline. */
  line(text: string): void
  /** A line that stands until the next one; a surface without a cursor leaves it out. */
  progress(text: string): void
  /** The release has a row from now on: clients need its id for tags, notes and to cancel. Called once, before any line of a service. */
  release(id: number, commit: string): void
}

export const silent: BuildOutput = { line() {}, progress() {}, release() {} }

/** Lines of one service, so that those of several can be told apart: `[main]     RUN npm ci`. */
export function prefixed(output: Pick<BuildOutput, 'line' | 'progress'>, name: string, width: number) {
  const front = `[${name}]`.padEnd(Math.max(width + 2, 10)) + ' '
  return {
    line: (text: string) => output.line(front + text),
    progress: (text: string) => output.progress(front + text),
  }
}

const mostKept = 1_500_000 // characters, the wire's limit for the log of an image

/** Passes lines on and keeps them. */
export function keeping(output: Pick<BuildOutput, 'line' | 'progress'>) {
  let kept = ''
  return {
    line(text: string) {
      if (kept.length + text.length < mostKept) kept += `${text}\n`
      output.line(text)
    },
    progress: output.progress,
    text: () => kept,
  }
}
