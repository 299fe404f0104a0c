// What a shell offers after Tab, worked out from the tree of commands and, for names, from the platform.
import type { Argument, Command, Option } from 'commander'

/** Names that the platform knows, by the placeholder that stands for them in commands. */
export type Names = (placeholder: string) => Promise<string[]>

/** Candidates for the last of the words that follow `copal`; it may be empty or half typed. */
export async function complete(program: Command, words: string[], names: Names): Promise<string[]> {
  const current = words.at(-1) ?? ''
  let command = program
  let given = 0 // arguments
  let waiting: Option | undefined // takes the next word
  for (const word of words.slice(0, -1)) {
    if (waiting && !word.startsWith('-')) {
      if (!waiting.variadic) waiting = undefined
      continue
    }
    waiting = undefined
    if (word.startsWith('-')) {
      const option = optionOf(command, word.split('=')[0]!)
      if (option && takesValue(option) && !word.includes('=')) waiting = option
      continue
    }
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
    if (next) [command, given] = [next, 0]
    else given++
  }
  const candidates = await candidatesFor(command, { current, given, waiting }, names)
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(current)).sort()
}

interface At {
  current: string
  given: number
  waiting: Option | undefined
}

async function candidatesFor(
  command: Command,
  { current, given, waiting }: At,
  names: Names,
): Promise<string[]> {
  if (waiting) return waiting.argChoices ?? names(placeholderOf(waiting))
  if (current.startsWith('-'))
    return ['--help', ...command.options.filter((option) => !option.hidden).map((option) => option.long!)]
  const shown = command.createHelp().visibleCommands(command)
  if (shown.length > 0) return shown.map((each) => each.name())
  const argument = argumentAt(command, given)
  return argument ? (argument.argChoices ?? names(argument.name())) : []
}

const optionOf = (command: Command, word: string) =>
  command.options.find((option) => option.long === word || option.short === word)
const takesValue = (option: Option) => option.required || option.optional
const placeholderOf = (option: Option) => /<([^.>]+)/.exec(option.flags)?.[1] ?? ''

function argumentAt(command: Command, index: number): Argument | undefined {
  const { registeredArguments: all } = command
  return all[index] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
}
