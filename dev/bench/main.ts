// `npm run bench -- <name>`: prints medians, never judges. `--json` prints them for programs.
import { parseArgs } from 'node:util'
import { describeMachine, machineText } from '../machine.ts'
import { startTestDocker } from '../test-docker.mjs'
import { benchDevices, type Cost } from './devices.ts'
import { benchFootprint, budgets, type Footprint } from './footprint.ts'
import { benchPush, type PushFigures } from './push.ts'

const usage = `cannot tell what to measure · there are:

  npm run bench -- push [--runs 7]         a one-line change, from git push to the new container's answer
  npm run bench -- devices [--devices 2000] what devices and people ask of the platform, in processor time per request
  npm run bench -- footprint [--idle 60]   memory of server, database and supervisor at rest

  --json   the figures as JSON, in ms and bytes
`

const { values, positionals } = readArguments()
const say = (line: string) => process.stderr.write(`${line}\n`)
const number = (text: string) => {
  const value = Number(text)
  if (!(value > 0)) fail(`cannot take ${text} for a number above 0\n`)
  return value
}

const benches: Record<string, () => Promise<void>> = {
  async push() {
    const figures = await benchPush(number(values.runs), say)
    print(figures, pushText(figures))
  },
  async devices() {
    const costs = await benchDevices(number(values.devices), say)
    print(costs, costsText(costs))
  },
  async footprint() {
    const figures = await benchFootprint(number(values.idle) * 1000, say)
    print(figures, footprintText(figures))
  },
}
const name = positionals[0] ?? ''
const bench = Object.hasOwn(benches, name) ? benches[name]! : fail(usage)
const machine = describeMachine()
const stopDocker = await startTestDocker()
await bench().finally(stopDocker)

function pushText({ runs, phases }: PushFigures): string {
  const row = (name: string, ...cells: string[]) =>
    `${name.padEnd(12)}${cells.map((cell) => cell.padStart(9)).join('')}`
  const rows = Object.entries(phases).map(([name, { median, min, max }]) =>
    row(name, ...[median, min, max].map((value) => String(Math.round(value)))),
  )
  return [`A one-line change, ${runs} times, in ms:`, '', row('', 'median', 'min', 'max'), ...rows].join('\n')
}

function costsText(costs: Record<string, Cost>): string {
  const row = (name: string, ...cells: string[]) =>
    `${name.padEnd(26)}${cells.map((cell) => cell.padStart(11)).join('')}`
  const rows = Object.entries(costs).map(([name, { processor, median, requests, budget }]) =>
    row(name, processor.toFixed(2), budget.toFixed(2), median.toFixed(2), String(requests)),
  )
  return [
    'Processor time of server and database together, in ms per request:',
    '',
    row('', 'costs', 'budget', 'answered in', 'requests'),
    ...rows,
  ].join('\n')
}

function footprintText(footprint: Footprint): string {
  const mb = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`
  const row = (name: string, ...cells: string[]) =>
    `${name.padEnd(12)}${cells.map((cell) => cell.padStart(14)).join('')}`
  const rows = Object.entries(footprint).map(([name, memory]) =>
    row(name, String(memory.processes), mb(memory.resident), mb(memory.proportional), mb(memory.private)),
  )
  const against = budgets.map(({ says, of, measure, most }) => {
    const value = footprint[of][measure]
    return `${value <= most ? 'within' : 'ABOVE '} budget: ${says}: ${mb(value)} of ${mb(most)}`
  })
  return [row('', 'processes', 'resident', 'proportional', 'private'), ...rows, '', ...against].join('\n')
}

function print(figures: object, text: string): void {
  if (values.json) console.log(JSON.stringify({ machine, ...figures }, null, 2))
  else console.log(`${text}\n\n${machineText(machine)}`)
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        runs: { type: 'string', default: '7' },
        devices: { type: 'string', default: '2000' },
        idle: { type: 'string', default: '60' },
      },
    })
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`)
  }
}

function fail(sentence: string): never {
  process.stderr.write(sentence)
  process.exit(2)
}
