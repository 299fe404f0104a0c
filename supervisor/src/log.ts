// The supervisor's own log, on standard output: a sentence, then fields where they help.
type Fields = Record<string, unknown>

export const log = {
  info: (sentence: string, fields?: Fields) => write('', sentence, fields),
  warn: (sentence: string, fields?: Fields) => write('warning: ', sentence, fields),
  error: (sentence: string, fields?: Fields) => write('error: ', sentence, fields),
}

function write(level: string, sentence: string, fields?: Fields): void {
  const tail = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
  process.stdout.write(`${level}${sentence}${tail}\n`)
}

/** The words of anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
