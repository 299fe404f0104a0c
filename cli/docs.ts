// `node cli/docs.ts` prints docs/cli.md from the tree of commands; `node cli/docs.ts --write` puts it there.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Argument, Command } from 'commander'
import { makeProgram } from './src/program.ts'

export const page = join(import.meta.dirname, '..', 'docs', 'cli.md')

export function cliPage(): string {
  const program = makeProgram()
  const sections = program.commands.filter(isShown).map((command) => section(command))
  return `# The \`copal\` command

Printed from the program by \`node cli/docs.ts --write\`; \`copal help <command>\` tells the same.

- Fleets are named \`organization/name\`, or by their name alone where only one of yours has it; devices by uuid (7 digits are
  enough) or name; releases by commit (7 digits are enough), version or id; builds by number, or by fleet for the newest.
- What reads takes \`--json\` and then prints JSON on standard output; progress and remarks go to standard error. Colours are left
  out where no terminal is, and with \`NO_COLOR\`.
- Exit codes: 0 done, 1 it was refused or failed, 2 typed wrong, 70 a bug, 130 Ctrl-C.
- \`COPAL_URL\` and \`COPAL_TOKEN\` come before what \`copal login\` remembered; that is kept in \`~/.config/copal\`, or where
  \`COPAL_CONFIG_DIR\` says.

${sections.join('\n')}`
}

function section(command: Command): string {
  const below = command.commands.filter(isShown)
  const all = below.length > 0 ? below : [command]
  return `## copal ${command.name()}\n\n${sentence(command.description())}\n\n${all.map(entry).join('\n')}`
}

function entry(command: Command): string {
  const usage = [pathOf(command), ...command.registeredArguments.map(argumentText)].join(' ')
  const aliases = command.aliases().length > 0 ? ` Also: \`${command.aliases().join('`, `')}\`.` : ''
  const top = command.parent!.parent === null
  const says = top ? '' : `${sentence(command.description())}${aliases}\n\n`
  const options = command.options.filter((option) => !option.hidden)
  const rows = options.map(
    ({ flags, description, mandatory, defaultValue, negate }) =>
      `| \`${flags.replaceAll('|', '\\|')}\` | ${description.replaceAll('|', '\\|')}${mandatory ? ' (required)' : ''}${
        defaultValue === undefined || negate ? '' : ` (default: \`${String(defaultValue)}\`)`
      } |`,
  )
  const table = rows.length > 0 ? `| option | |\n|---|---|\n${rows.join('\n')}\n` : ''
  return `### ${usage}\n\n${says}${table}${table ? '\n' : ''}`.replace(/\n+$/, '\n')
}

const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

function argumentText(argument: Argument): string {
  const inside = `${argument.name()}${argument.variadic ? '…' : ''}`
  return argument.required ? `\\<${inside}>` : `[${inside}]`
}

const sentence = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}.`

const isShown = (command: Command) =>
  command.name() !== 'help' && command.createHelp().visibleCommands(command.parent!).includes(command)

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--write')) writeFileSync(page, cliPage())
  else process.stdout.write(cliPage())
}
