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
  return tokens && ((path) => matches(tokens, path))
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

/** Token by token from behind: `below[p]` says whether the later tokens match what begins at `p`. */
function matches(tokens: readonly Token[], path: string): boolean {
  const length = path.length
  let below = new Uint8Array(length + 1)
  below[length] = 1
  for (let t = tokens.length - 1; t >= 0; t--) {
    const token = tokens[t]!
    const here = new Uint8Array(length + 1)
    let behindSlash = 0
    for (let p = length; p >= 0; p--) {
      const char = path[p]
      const next = below[p + 1] ?? 0
      if (char === '/' && next) behindSlash = 1
      switch (token.is) {
        case 'star':
          here[p] = below[p]! | (char !== undefined && char !== '/' ? here[p + 1]! : 0)
          break
        case 'rest':
          here[p] = below[p]! | (here[p + 1] ?? 0)
          break
        case 'folders':
          here[p] = below[p]! | behindSlash
          break
        default:
          here[p] = char !== undefined && fits(token, char) ? next : 0
      }
    }
    below = here
  }
  return below[0] === 1
}

function fits(token: Token, char: string): boolean {
  if (token.is === 'char') return token.char === char
  if (char === '/') return false
  return (
    token.is !== 'class' || token.negated !== token.ranges.some(([from, to]) => from <= char && char <= to)
  )
}
