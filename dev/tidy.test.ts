// What a machine can check of ARCHITECTURE.md: who may know whom. Each failure names the file and the line.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { settingsPage } from './settings-page.ts'

const root = join(import.meta.dirname, '..')
const programs = ['server', 'cli', 'supervisor', 'images']
const shared = ['wire', 'engine', 'compose']

interface Import {
  file: string
  line: number
  from: string
}

const files = [...programs, ...shared]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => path.endsWith('.ts') && !path.includes('node_modules') && !path.includes('fixtures/'))
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const imports: Import[] = [...sources].flatMap(([file, text]) =>
  text.split('\n').flatMap((line, index) => {
    const from = /(?:^import |^export |^\} from |from |import\()\s*.*?'([^']+)'/.exec(line)?.[1]
    return from && /\b(?:import|from)\b/.test(line) ? [{ file, line: index + 1, from }] : []
  }),
)
const isTest = (file: string) => /\.test\.ts$|\/test(?:ing)?[-/]|\/testing\/|contract\.ts$/.test(file)
const told = (wrong: Import[]) => wrong.map(({ file, line, from }) => `${file}:${line} imports ${from}`)

test('a program never imports another program', () => {
  const wrong = imports.filter(({ file, from }) => {
    const own = file.split('/')[0]!
    const target =
      /^@copal\/(\w+)/.exec(from)?.[1] ??
      (from.startsWith('.') ? normalize(join(dirname(file), from)).split('/')[0] : undefined)
    return target !== undefined && target !== own && programs.includes(target)
  })
  assert.deepEqual(told(wrong), [])
})

test('wire, engine and compose import nothing of ours but themselves', () => {
  const wrong = imports.filter(({ file, from }) => {
    const own = file.split('/')[0]!
    if (!shared.includes(own) || isTest(file)) return false
    const target =
      /^@copal\/(\w+)/.exec(from)?.[1] ??
      (from.startsWith('.') ? normalize(join(dirname(file), from)).split('/')[0] : own)
    return target !== own
  })
  assert.deepEqual(told(wrong), [])
})

test('what decides does no input and output', () => {
  const pure = [
    /^compose\/src\//,
    /^supervisor\/src\/(?:plan|steps|strategies|container)\.ts$/,
    /^server\/src\/kit\/odata\/(?:parse|compile)\.ts$/,
    /^server\/src\/releases\/release-version\.ts$/,
    /^server\/src\/target-state\/target-state\.ts$/,
  ]
  const outside =
    /^(?:node:)?(?:fs|net|http|https|child_process|dgram|tls|fs\/promises)$|^(?:postgres|dockerode|fastify|ws)$/
  const wrong = imports.filter(
    ({ file, from }) => pure.some((pattern) => pattern.test(file)) && !isTest(file) && outside.test(from),
  )
  assert.deepEqual(told(wrong), [])
})

test('only the settings table reads the environment of the server', () => {
  const wrong = [...sources].flatMap(([file, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        file.startsWith('server/src/') &&
        !isTest(file) &&
        !/\/(?:main|test-server)\.ts$/.test(file) &&
        /process\.env\b/.test(line)
          ? [`${file}:${index + 1} reads process.env`]
          : [],
      ),
  )
  assert.deepEqual(wrong, [])
})

test('the kit knows nothing of fleets', () => {
  const wrong = imports.filter(({ file, from }) => {
    if (!file.startsWith('server/src/kit/') || isTest(file) || !from.startsWith('.')) return false
    const target = normalize(join(dirname(file), from))
    return !target.startsWith('server/src/kit/') && !/^server\/src\/(?:problems|log)\.ts$/.test(target)
  })
  assert.deepEqual(told(wrong), [])
})

test('no circles among the files of a program', () => {
  const edges = new Map<string, string[]>()
  for (const { file, from } of imports)
    if (from.startsWith('.') && !isTest(file) && !isTypeOnly(file, from))
      edges.set(file, [...(edges.get(file) ?? []), normalize(join(dirname(file), from))])
  const done = new Set<string>()
  const circles: string[] = []
  function visit(file: string, path: string[]): void {
    if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
  assert.deepEqual(circles, [])
})

/** Types vanish when the program runs; they make no circle. */
function isTypeOnly(file: string, from: string): boolean {
  const escaped = from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return !new RegExp(
    `(?:import|export) (?!type\\b)[^;']*?from '${escaped}'|import '${escaped}'|import\\('${escaped}'\\)`,
  ).test(sources.get(file)!)
}

test('the page of settings is what the table says', () => {
  assert.equal(readFileSync(join(root, 'docs/settings.md'), 'utf8'), settingsPage())
})
