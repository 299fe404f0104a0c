// What commands print. People get tables and sentences, `--json` gets the same rows as JSON; progress goes to stderr.
// Names and lines come from devices and builds that others control: nothing of theirs moves the cursor or writes elsewhere.
import { stripVTControlCharacters, styleText } from 'node:util'

export const dim = (text: string) => styleText('dim', text, { stream: process.stdout })
export const red = (text: string) => styleText('red', text, { stream: process.stdout })
export const yellow = (text: string) => styleText('yellow', text, { stream: process.stdout })

export function printJson(value: unknown): void {
  process.stdout.write(JSON.stringify(value, null, 2) + '\n')
}

type Cell = string | number | null | undefined

/** Columns as wide as their widest cell; the last one as it comes. */
export function printTable(headings: string[], rows: Cell[][]): void {
  const lines = tableLines(headings, rows)
  for (const [index, line] of lines.entries()) process.stdout.write((index === 0 ? dim(line) : line) + '\n')
}

export function tableLines(headings: string[], rows: Cell[][]): string[] {
  const cells = [headings, ...rows].map((row) => row.map(cellText))
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column]!))))
  return cells.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat(widths[column]! - widthOf(cell)),
      )
      .join('  '),
  )
}

/** `name  value` lines. */
export function printFacts(facts: Record<string, unknown>): void {
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  for (const [name, value] of Object.entries(facts))
    process.stdout.write(`${dim(name.padEnd(width))}  ${cellText(value)}\n`)
}

export function say(sentence: string): void {
  process.stdout.write(harmless(sentence) + '\n')
}

/** For people only: kept out of what scripts read. */
export function remark(sentence: string): void {
  process.stderr.write(harmless(sentence) + '\n')
}

const cellText = (value: unknown) =>
  value === null || value === undefined || value === '' ? '–' : oneLine(String(value))

/** Line breaks and tabs become spaces, so that no value looks like two. */
export const oneLine = (text: string) => harmless(text).replace(/[\n\t\u2028\u2029]+/g, ' ')

/** Without escape sequences, control characters (but line breaks and tabs), and marks that turn the direction of writing. */
export const harmless = (text: string) =>
  stripVTControlCharacters(text).replace(/[[\p{Cc}\u202a-\u202e\u2066-\u2069]--[\n\t]]/gv, '')

// oxlint-disable-next-line no-control-regex
const colour = /(\u001b\[[\d;]{0,30}m)/

/** As `harmless`, but colours stay where the terminal shows them: what a build prints. Ends plain. */
export function colourful(text: string): string {
  if (!text.includes('\u001b') || styleText('red', '', { stream: process.stdout }) === '')
    return harmless(text)
  const pieces = text.split(colour).map((piece, index) => (index % 2 === 1 ? piece : harmless(piece)))
  return pieces.join('') + (pieces.length > 1 ? '\u001b[0m' : '')
}

const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const graphemes = new Intl.Segmenter()

/** Columns that a terminal gives to a text: two for what East Asia and emoji write wide. */
export function widthOf(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}
