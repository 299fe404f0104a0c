import { Argument, type Command } from 'commander'
import { complete } from '../complete.ts'
import { inQuery, rows } from '../find.ts'
import { readSettings } from '../settings.ts'

const patience = 2000 // ms; after that, names are not worth waiting for

export function completionCommand(program: Command): void {
  program
    .command('completion')
    .summary('make Tab complete commands and names')
    .description('print what makes Tab complete commands, fleets and devices in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Put it where your shell looks:
  bash   copal completion bash > ~/.local/share/bash-completion/completions/copal
  zsh    copal completion zsh > "\${fpath[1]}/_copal"
  fish   copal completion fish > ~/.config/fish/completions/copal.fish`,
    )
    .action((shell: keyof typeof scripts) => void process.stdout.write(scripts[shell]))
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      for (const candidate of await complete(program, words, namesOnPlatform))
        process.stdout.write(`${candidate}\n`)
    })
}

/** Never an error, and never a long wait: who presses Tab has asked nothing. */
async function namesOnPlatform(placeholder: string): Promise<string[]> {
  const late = new Promise<string[]>((done) => setTimeout(done, patience, []).unref())
  return Promise.race([ask(placeholder).catch(() => []), late])
}

async function ask(placeholder: string): Promise<string[]> {
  const mine = '$filter=is_directly_accessible_by__user/any(dau:1 eq 1)'
  switch (placeholder) {
    case 'fleet':
      return (await rows(readSettings(), inQuery(`application?$select=slug&${mine}`))).map(({ slug }) => slug)
    case 'device':
      return (await rows(readSettings(), 'device?$select=uuid,device_name')).flatMap((device) => [
        device.uuid.slice(0, 7),
        ...(/^[\w.-]+$/.test(device.device_name) ? [device.device_name] : []),
      ])
    case 'release':
      return (await rows(readSettings(), inQuery('release?$select=commit&$orderby=id desc&$top=50'))).map(
        ({ commit }) => commit.slice(0, 7),
      )
    case 'device type':
      return (await rows(readSettings(), 'device_type?$select=slug')).map(({ slug }) => slug)
    default:
      return []
  }
}

const scripts = {
  bash: `_copal() {
  local IFS=$'\\n'
  COMPREPLY=($(copal complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _copal copal
`,
  zsh: `#compdef copal
_copal() {
  local -a candidates
  candidates=(\${(f)"$(copal complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then compadd -a candidates; else _files; fi
}
if [ "$funcstack[1]" = _copal ]; then _copal "$@"; else compdef _copal copal; fi
`,
  fish: `function __copal_complete
  set -l words (commandline -opc)[2..] (commandline -ct)
  copal complete -- $words 2>/dev/null
end
complete -c copal -a '(__copal_complete)'
`,
}
