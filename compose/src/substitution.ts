// `$NAME` and `${NAME…}` as shells, compose files and Dockerfiles write them. What a missing name means is theirs to say.

export type Substitution = {
  name: string
  /** `:-` and `-` a default, `:+` and `+` an alternative, `:?` and `?` a demand. The colon also minds the empty value. */
  operator?: ':-' | '-' | ':+' | '+' | ':?' | '?'
  word: string
  /** The place behind it. */
  end: number
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const LONGEST_WORD = 4096
const OPERATOR = /:[-+?]|[-+?]/y

/** What stands at `start`, where there is a `$`; undefined when it is none of the forms above. */
export function substitutionAt(text: string, start: number): Substitution | undefined {
  const braced = text[start + 1] === '{'
  const name = match(NAME, text, start + (braced ? 2 : 1))
  if (!name) return undefined
  const afterName = start + (braced ? 2 : 1) + name.length
  if (!braced) return { name, word: '', end: afterName }
  if (text[afterName] === '}') return { name, word: '', end: afterName + 1 }
  const operator = match(OPERATOR, text, afterName)
  if (!operator) return undefined
  const close = closingBrace(text, afterName + operator.length)
  if (close === -1) return undefined
  const word = text.slice(afterName + operator.length, close)
  return { name, operator: operator as Substitution['operator'] & string, word, end: close + 1 }
}

/** What a substitution stands for: the value itself, the word behind the operator (to be expanded in turn), or nothing. */
export function choose(
  found: Substitution,
  value: string | undefined,
): { text: string } | { word: string } | 'missing' {
  const minds = found.operator?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  switch (found.operator) {
    case ':+':
    case '+':
      return minds ? { word: found.word } : { text: '' }
    case ':-':
    case '-':
      return minds ? { text: value! } : { word: found.word }
    case ':?':
    case '?':
      return minds ? { text: value! } : 'missing'
    case undefined:
      return value === undefined ? 'missing' : { text: value }
  }
}

function closingBrace(text: string, from: number): number {
  let depth = 1
  // Bounded, so that a text of nothing but openings costs no square of its length.
  for (let at = from; at < Math.min(text.length, from + LONGEST_WORD); at++) {
    if (text[at] === '$' && text[at + 1] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  return -1
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}
