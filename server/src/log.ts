import { pino, type Logger } from 'pino'

export type { Logger } from 'pino'

/**
 * A line is a sentence that reads alone, plus fields with fixed names (`device.uuid`, `release.commit`, `duration_ms`).
 * Never secrets, bodies or people's addresses. On a terminal it is printed for people, elsewhere as JSON lines.
 */
export function makeLogger(level: string): Logger {
  return pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['req.headers.authorization', 'req.headers.cookie'],
  })
}
