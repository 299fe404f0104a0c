// Readers of single values of a compose file. Each takes a node, returns a clean value or throws a ProjectError that names its place.
import { cannot } from './project-error.ts'
import type { Node } from './yaml.ts'

/** As docker writes it: lists and maps of text become one thing. */
export type TextMap = Record<string, string>

export function refuse(node: Node, why: string): never {
  throw cannot(`use ${node.where.key || 'the file'}`, why, node.where)
}

export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null
}

/** A string, number or boolean, as it was written. */
export function text(node: Node): string {
  if (node.kind !== 'scalar' || node.value === null) return refuse(node, 'it must be text')
  return node.source
}

export function textOrNull(node: Node): string | null {
  return isNull(node) ? null : text(node)
}

export function flag(node: Node): boolean {
  const value = node.kind === 'scalar' ? node.value : undefined
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  return refuse(node, 'it must be true or false')
}

export function number(node: Node): number {
  const value = node.kind === 'scalar' ? node.value : undefined
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof read === 'number' && Number.isFinite(read) ? read : refuse(node, 'it must be a number')
}

/** Sizes and shares: a number stays one, `64m` stays text. */
export function amount(node: Node): number | string {
  return node.kind === 'scalar' && typeof node.value === 'number' ? number(node) : text(node)
}

export function items(node: Node): readonly Node[] {
  if (isNull(node)) return []
  return node.kind === 'list' ? node.items : refuse(node, 'it must be a list')
}

export function entries(node: Node): ReadonlyMap<string, Node> {
  if (isNull(node)) return new Map()
  return node.kind === 'map' ? node.entries : refuse(node, 'it must be a map')
}

export function texts(node: Node): string[] {
  return items(node).map(text)
}

/** One text or a list of them, as a list. */
export function oneOrMore(node: Node): string[] {
  return node.kind === 'scalar' && !isNull(node) ? [text(node)] : texts(node)
}

/** `command` and `entrypoint`: a text is for the device to split, a list is final. */
export function commandLine(node: Node): string | string[] {
  return node.kind === 'list' ? texts(node) : text(node)
}

/** A map, or a list of `NAME=value`; null where there is no value. */
export function nullableTextMap(node: Node): Map<string, { value: string | null; node: Node }> {
  if (node.kind !== 'list') {
    return new Map([...entries(node)].map(([key, value]) => [key, { value: textOrNull(value), node: value }]))
  }
  return new Map(
    node.items.map((item) => {
      const [, key, value] = /^([^=]*)(?:=([^]*))?$/.exec(text(item))!
      return [key!, { value: value ?? null, node: item }]
    }),
  )
}

export function textMap(node: Node): TextMap {
  return Object.fromEntries([...nullableTextMap(node)].map(([key, { value }]) => [key, value ?? '']))
}

/** Refuses keys outside of `known`; extensions (`x-…`) pass unread. */
export function onlyKeys(
  node: Node,
  known: readonly string[],
  why: (key: string) => string | undefined = () => undefined,
): void {
  for (const [key, value] of entries(node)) {
    if (known.includes(key) || key.startsWith('x-')) continue
    refuse(value, why(key) ?? 'there is no such key here · is it spelt right?')
  }
}
