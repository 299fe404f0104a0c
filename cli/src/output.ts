// What commands print. People get tables and sentences, `--json` gets the same rows as JSON; progress goes to stderr.
import { styleText } from 'node:util'

export const dim = (text: string) => styleText('dim', text, { stream: process.stdout })
export const bold = (text: string) => styleText('bold', text, { stream: process.stdout })

export function printJson(value: unknown): void {
  process.stdout.write(JSON.stringify(value, null, 2) + '\n')
}

/** Columns as wide as their widest cell; the last one as it comes. Control characters from devices never reach the terminal. */
export function printTable(headings: string[], rows: (string | number | null | undefined)[][]): void {
  const cells = [headings, ...rows].map((row) => row.map((cell) => harmless(String(cell ?? '–'))))
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  cells.forEach((row, index) => {
    const line = row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join('  ')
    process.stdout.write((index === 0 ? dim(line) : line) + '\n')
  })
}

/** `name  value` lines. */
export function printFacts(facts: Record<string, unknown>): void {
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  for (const [name, value] of Object.entries(facts))
    process.stdout.write(
      `${dim(name.padEnd(width))}  ${harmless(value === null || value === undefined || value === '' ? '–' : String(value))}\n`,
    )
}

export function say(sentence: string): void {
  process.stdout.write(sentence + '\n')
}

/** For people only: kept out of what scripts read. */
export function remark(sentence: string): void {
  process.stderr.write(sentence + '\n')
}

// oxlint-disable-next-line no-control-regex
export const harmless = (text: string) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
