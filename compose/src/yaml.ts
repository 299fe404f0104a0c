// YAML 1.2 core with merge keys, as a tree in which everything knows its line. 1.1 would read `restart: no` as false,
// `22:22` as 1342 and `build: .` as NaN; without merge keys `<<` would be an ordinary key.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Alias, Document, Node as YamlNode, Pair, YAMLMap } from 'yaml'
import { cannot, type Where } from './project-error.ts'

export type Scalar = string | number | boolean | null

/** A piece of a YAML file. `where` says file, line and the keys that lead here. */
export type Node =
  | { kind: 'map'; entries: ReadonlyMap<string, Node>; where: Where }
  | { kind: 'list'; items: readonly Node[]; where: Where }
  /** `source`: as it was written, so that `1.10` stays `1.10` where text is wanted. */
  | { kind: 'scalar'; value: Scalar; source: string; where: Where }

/** Characters; the parser's time can grow with the square of them. */
const LONGEST = 128 * 1024
const MOST_NODES = 100_000
const DEEPEST = 64
const TOO_DEEP = 'it is nested too deeply'

/** Throws a ProjectError for what is no YAML, holds a key twice, or unfolds to too much. An empty file is null. */
export function parseYaml(text: string, file: string): Node {
  if (text.length > LONGEST)
    throw cannot('read the file', `it is longer than ${LONGEST} characters`, { file })
  const lines = new LineCounter()
  const document = parsed(text, file, lines)
  const fault = document.errors[0]
  if (fault) {
    const line = lines.linePos(fault.pos[0]).line
    const why = /call stack/.test(fault.message) ? TOO_DEEP : fault.message.split('\n')[0]!
    throw cannot('read the file', why, { file, line })
  }
  return unfold(document, lines, file)
}

function parsed(text: string, file: string, lineCounter: LineCounter): Document {
  try {
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: true,
      // Its own check compares every key with every other; `entriesOf` looks them up.
      uniqueKeys: false,
      lineCounter,
      // Silence would also take a second document for none.
      logLevel: 'error',
      prettyErrors: false,
    })
  } catch {
    // The parser descends by recursion and may run out of stack.
    throw cannot('read the file', TOO_DEEP, { file })
  }
}

function unfold(document: Document, lines: LineCounter, file: string): Node {
  const targets = targetsOf(document)
  let nodes = 0

  function convert(node: unknown, key: string, above: number | undefined, depth: number): Node {
    const line = lineOf(node) ?? above
    const where: Where = { file, ...(line ? { line } : {}), ...(key ? { key } : {}) }
    if (++nodes > MOST_NODES)
      throw cannot('read the file', `it unfolds to more than ${MOST_NODES} values`, where)
    if (depth > DEEPEST) throw cannot('read the file', `it is nested more than ${DEEPEST} deep`, where)
    if (isAlias(node)) return convert(resolved(node, where), key, line, depth + 1)
    if (isSeq(node)) {
      const items = node.items.map((item, index) => convert(item, `${key}[${index}]`, line, depth + 1))
      return { kind: 'list', items, where }
    }
    if (isMap(node)) return { kind: 'map', entries: entriesOf(node, key, line, depth), where }
    const value = isScalar(node) ? scalar(node.value) : null
    const source = isScalar(node) && typeof node.value === 'number' ? node.source : undefined
    return { kind: 'scalar', value, source: source ?? (value === null ? '' : String(value)), where }
  }

  /** Keys written here win over merged ones; of several merged maps the first wins. */
  function entriesOf(map: YAMLMap, key: string, line: number | undefined, depth: number): Map<string, Node> {
    const own = new Map<string, Node>()
    const merged = new Map<string, Node>()
    for (const pair of map.items as Pair<unknown, unknown>[]) {
      const name = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value ?? '') : undefined
      const keyLine = lineOf(pair.key) ?? line
      if (name === undefined)
        throw cannot('read the file', 'a key must be plain text', { file, line: keyLine })
      const under = name === '<<' ? key : key ? `${key}.${name}` : name
      const value = atKey(convert(pair.value, under, keyLine, depth + 1), keyLine)
      if (own.has(name))
        throw cannot(`read ${under}`, 'the key stands here for the second time', { file, line: keyLine })
      if (name !== '<<') own.set(name, value)
      else for (const [inner, node] of mapsIn(value)) if (!merged.has(inner)) merged.set(inner, node)
    }
    for (const [name, node] of merged) if (!own.has(name)) own.set(name, node)
    return own
  }

  function resolved(alias: Alias, where: Where): YamlNode {
    const node = targets.get(alias)
    if (!node) throw cannot(`resolve *${alias.source}`, 'no such anchor above it', where)
    return node
  }

  function lineOf(node: unknown): number | undefined {
    const start = (node as YamlNode | null | undefined)?.range?.[0]
    return start === undefined ? undefined : lines.linePos(start).line
  }

  return convert(document.contents, '', undefined, 0)
}

/** What each alias stands for: the last node above it with that anchor. */
function targetsOf(document: Document): Map<Alias, YamlNode> {
  const anchors = new Map<string, YamlNode>()
  const targets = new Map<Alias, YamlNode>()
  visit(document, {
    Value: (_, node) => void (node.anchor && anchors.set(node.anchor, node)),
    Alias(_, alias) {
      const target = anchors.get(alias.source)
      if (target) targets.set(alias, target)
    },
  })
  return targets
}

/** A complaint about a value names the line of its key, also when the value begins below or comes from an anchor. */
function atKey(node: Node, line: number | undefined): Node {
  return line ? { ...node, where: { ...node.where, line } } : node
}

function* mapsIn(node: Node): Iterable<[string, Node]> {
  const maps = node.kind === 'list' ? node.items : [node]
  for (const map of maps) {
    if (map.kind !== 'map') throw cannot('merge', '`<<` takes a map or a list of maps', node.where)
    yield* map.entries
  }
}

function scalar(value: unknown): Scalar {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value
  return typeof value === 'string' ? value : String(value)
}

/** As JSON holds it. */
export function plain(node: Node): unknown {
  if (node.kind === 'scalar')
    return typeof node.value === 'number' && !Number.isFinite(node.value) ? node.source : node.value
  if (node.kind === 'list') return node.items.map(plain)
  return Object.fromEntries([...node.entries].map(([key, value]) => [key, plain(value)]))
}
