// Makes what is made from Debian packages: `node images/src/main.ts <what> …`. Run by people and, as a child
// process, by the platform and the CLI. The result is printed on standard output, what goes on on standard error.
import { parseArgs } from 'node:util'
import { engineFromEnvironment } from '@copal/engine/engine.ts'
import { architectures, languages, machineArch, parseArch } from './catalogue.ts'
import type { Arch, Language } from './catalogue.ts'
import { readMachineSettings } from './machine-settings.ts'
import { makeImage, makeRootImage } from './make-image.ts'
import type { MadeImage, Making } from './make-image.ts'
import { baseImage, builderImage, deviceImage, supervisorImage } from './recipes.ts'
import { writeSettingsFolder } from './settings-folder.ts'
import { supervisorBundle } from './supervisor-bundle.ts'

const usage = `Makes images from Debian packages, in the Docker Engine that DOCKER_HOST names. What is unchanged is there already.

  node images/src/main.ts <what> [--json]

  base <language> [processor]   the image that a Dockerfile starts from: copal/<processor>-<language>
  builder                       the engine in which one organization's builds run
  device                        a virtual device
  supervisor [processor]        the supervisor, from this repository
  root [processor]              the Debian root that the others stand on
  settings <folder>             how this machine gets its packages, for the builds in a builder
  list                          languages and processors

  --json   what goes on as lines {"say":…}, the result as {"name":…,"tags":…,"id":…,"size":…}

Processors: ${Object.keys(architectures).join(', ')}. Languages: ${Object.keys(languages).join(', ')}.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

try {
  if (values.help || positionals.length === 0) process.stdout.write(usage)
  else await main(positionals)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(values.json ? `${JSON.stringify({ error: message })}\n` : `${message}\n`)
  process.exitCode = 1
}

async function main([what, ...words]: string[]): Promise<void> {
  if (what === 'list') return list()
  if (what === 'settings') {
    const [folder] = words
    if (!folder) throw new Error('cannot write the settings: no folder is named · images settings <folder>')
    return print(await writeSettingsFolder(folder, await readMachineSettings(), '/etc/copal/packages'))
  }
  using engine = engineFromEnvironment()
  const making: Making = { engine, settings: readMachineSettings, say }
  const made = await make(making, what ?? '', words)
  if (values.json) print(made)
  else process.stdout.write(`${made.tags[0] ?? made.name}\n`)
  say(`${made.name} is ${Math.round(made.size / 1e6)} MB`)
}

async function make(making: Making, what: string, words: string[]): Promise<MadeImage> {
  switch (what) {
    case 'root':
      return makeRootImage(making, archOf(words[0]))
    case 'base':
      return makeImage(making, await baseImage(parseLanguage(words[0]), archOf(words[1]), say))
    case 'builder':
      return makeImage(making, builderImage(machineArch()))
    case 'device':
      return makeImage(making, deviceImage(machineArch()))
    case 'supervisor':
      return makeImage(making, supervisorImage(archOf(words[0]), await supervisorBundle(say)))
    default:
      throw new Error(`cannot make "${what}" · see node images/src/main.ts --help`)
  }
}

function archOf(word: string | undefined): Arch {
  return word === undefined ? machineArch() : parseArch(word)
}

function parseLanguage(word = ''): Language {
  if (Object.hasOwn(languages, word)) return word as Language
  throw new Error(
    `cannot make a base image for "${word}": the languages are ${Object.keys(languages).join(', ')}`,
  )
}

function list(): void {
  for (const [language, { tags }] of Object.entries(languages)) {
    for (const arch of Object.keys(architectures)) {
      process.stdout.write(`${tags.map((tag) => `copal/${arch}-${language}:${tag}`).join('  ')}\n`)
    }
  }
}

function say(line: string): void {
  process.stderr.write(values.json ? `${JSON.stringify({ say: line })}\n` : `${line}\n`)
}

function print(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
