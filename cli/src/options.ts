// What several commands take.
import { InvalidArgumentError, type Command } from 'commander'

export interface Json {
  json?: boolean
}

export const withJson = (command: Command): Command => command.option('--json', 'print JSON')

/** For options that count something. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

/** `key=value`, split at the first `=`. */
export function assignment(text: string): [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('Write name=value.')
  return [text.slice(0, equals), text.slice(equals + 1)]
}
