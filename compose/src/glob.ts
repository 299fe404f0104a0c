// The patterns of ignore files, matched without backtracking: they are written by strangers, and a regular expression made from one
// can take for ever.

type Token =
  | { is: 'char'; char: string }
  /** `?`, `*`, `**` at the end, and `**` followed by a slash or more. */
  | { is: 'any' | 'star' | 'rest' | 'folders' }
  | { is: 'class'; negated: boolean; ranges: [string, string][] }

export type Glob = (path: string) => boolean

/** `*` and `?` stop at slashes, `**` does not; `[a-z]`, `[^a]` and `\` as in Go's filepath.Match. Undefined for a broken pattern. */
export function globOf(pattern: string): Glob | undefined {
  if (!/[*?[\\]/.test(pattern)) return (path) => path === pattern
  const tokens = tokensOf(pattern)
  if (!tokens) return undefined
  const needed = longestText(tokens)
  return (path) => path.includes(needed) && matches(tokens, path)
}

/** Characters that any match must hold: most paths are told apart by them. */
function longestText(tokens: readonly Token[]): string {
  const runs = tokens
    .map((token) => (token.is === 'char' ? token.char : '\0'))
    .join('')
    .split('\0')
  return runs.reduce((longest, run) => (run.length > longest.length ? run : longest), '')
}

function tokensOf(pattern: string): Token[] | undefined {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!
    if (char === '*' && pattern[at + 1] === '*') {
      while (pattern[at + 1] === '*') at++
      if (pattern[at + 1] === '/') at++
      tokens.push({ is: at + 1 >= pattern.length ? 'rest' : 'folders' })
    } else if (char === '*') tokens.push({ is: 'star' })
    else if (char === '?') tokens.push({ is: 'any' })
    else if (char === '[') {
      const end = pattern.indexOf(']', at + (pattern[at + 1] === '^' ? 3 : 2))
      if (end === -1) return undefined
      tokens.push(classOf(pattern.slice(at + 1, end)))
      at = end
    } else if (char === '\\') {
      if (++at >= pattern.length) return undefined
      tokens.push({ is: 'char', char: pattern[at]! })
    } else tokens.push({ is: 'char', char })
  }
  return tokens
}

function classOf(body: string): Token {
  const negated = body.startsWith('^')
  const chars = negated ? body.slice(1) : body
  const ranges: [string, string][] = []
  for (let at = 0; at < chars.length; at++) {
    const isRange = chars[at + 1] === '-' && at + 2 < chars.length
    ranges.push([chars[at]!, isRange ? chars[at + 2]! : chars[at]!])
    if (isRange) at += 2
  }
  return { is: 'class', negated, ranges }
}

/** All places of the pattern at once, character by character, as an automaton does: mostly there are but one or two. */
function matches(tokens: readonly Token[], path: string): boolean {
  let here: number[] = []
  let next: number[] = []
  /** The position for which a place was last noted, so that none is noted twice. */
  const noted = new Int32Array(tokens.length + 1).fill(-1)

  function note(place: number, position: number): void {
    if (noted[place] === position) return
    noted[place] = position
    next.push(place)
  }

  /** Comes to a place from the one before it; what may match nothing can be passed at once. */
  function enter(place: number, position: number): void {
    note(place, position)
    for (let at = place; tokens[at] && canBeEmpty(tokens[at]!); at++) note(at + 1, position)
  }

  enter(0, 0)
  for (let position = 1; position <= path.length; position++) {
    ;[here, next] = [next, []]
    if (here.length === 0) return false
    const char = path[position - 1]!
    for (const place of here) {
      const token = tokens[place]
      if (!token) continue
      if (token.is === 'folders') {
        note(place, position)
        if (char === '/') enter(place + 1, position)
      } else if (token.is === 'rest' || token.is === 'star') {
        if (token.is === 'rest' || char !== '/') enter(place, position)
      } else if (fits(token, char)) enter(place + 1, position)
    }
  }
  return next.includes(tokens.length)
}

function canBeEmpty({ is }: Token): boolean {
  return is === 'star' || is === 'rest' || is === 'folders'
}

function fits(token: Token, char: string): boolean {
  if (token.is === 'char') return token.char === char
  if (char === '/') return false
  return (
    token.is !== 'class' || token.negated !== token.ranges.some(([from, to]) => from <= char && char <= to)
  )
}
