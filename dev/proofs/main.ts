// `npm run proof -- <name>`: tries for long what the stories in e2e/ try briefly, prints figures, and writes them to
// docs/proofs/<name>.md.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMachine, machineText } from '../machine.ts'
import { startTestDocker } from '../test-docker.mjs'
import { freshMachine } from './fresh-machine.ts'
import { pushKills } from './push-kills.ts'
import { updateKills } from './update-kills.ts'
import type { Proof } from './proof.ts'

const proofs: Record<string, Proof> = {
  'push-kills': pushKills,
  'update-kills': updateKills,
  'fresh-machine': freshMachine,
}

const [name = '', times] = process.argv.slice(2)
const proof = Object.hasOwn(proofs, name) ? proofs[name]! : fail(name)
const count = Number(times ?? 20)
if (!Number.isInteger(count) || count < 1) fail(name)

const machine = machineText(describeMachine())
const begun = Date.now()
const stopDocker = await startTestDocker()
const told = await proof.run(count, (line) => console.log(line)).finally(stopDocker)
const minutes = Math.ceil((Date.now() - begun) / 60_000)
const page = `# ${proof.title}

${proof.claim}

${told}

\`npm run proof -- ${name}\`, ${new Date(begun).toISOString().slice(0, 10)}, ${minutes} minutes. ${machine}.
`
console.log(`\n${page}`) // first of all: it took long to get
const folder = join(import.meta.dirname, '../../docs/proofs')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, `${name}.md`), page)

function fail(asked: string): never {
  const all = Object.entries(proofs).map(
    ([each, { title }]) => `  npm run proof -- ${each.padEnd(14)} ${title}`,
  )
  process.stderr.write(
    `cannot prove ${JSON.stringify(asked)} · there are:\n\n${all.join('\n')}\n\nA number behind the name is how many times; 20 otherwise.\n`,
  )
  process.exit(2)
}
