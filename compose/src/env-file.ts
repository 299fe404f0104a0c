// `.env` and `env_file`: KEY=value lines as docker compose reads them.
import { cannot, type Warning } from './project-error.ts'
import { expand, type Variables } from './interpolate.ts'

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:[=:]\s*(.*))?$/

/**
 * Values may use `outer` and the names above them, except in single quotes. A name without `=` takes its value from `outer`,
 * or is left out. `keepDollars` replaces nothing. Throws a ProjectError for a line that is none.
 */
export function parseEnvFile(
  text: string,
  file: string,
  outer: Variables,
  warnings: Warning[],
  keepDollars = false,
): Map<string, string> {
  const out = new Map<string, string>()
  const known: Variables = {
    has: (name) => outer.has(name) || out.has(name),
    get: (name) => outer.get(name) ?? out.get(name),
  }
  const lines = text.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const where = { file, line: index + 1 }
    const written = lines[index]!
    if (/^\s*(#|$)/.test(written)) continue
    const [, name, rest] = LINE.exec(written) ?? []
    if (!name) throw cannot('read the line', 'it is not of the form NAME=value', where)
    if (rest === undefined) {
      const inherited = outer.get(name)
      if (inherited !== undefined) out.set(name, inherited)
      continue
    }
    const quote = /^["']/.exec(rest)?.[0]
    const value = quote ? quoted(quote, rest) : rest.replace(/(?:^|\s)#.*$/, '').trimEnd()
    out.set(
      name,
      quote === "'"
        ? value
        : quote
          ? unescaped(filledIn(keepDollars ? value : value.replaceAll('\\$', '$$$$')))
          : filledIn(value),
    )

    /** What is between the quotes, over as many lines as it takes. */
    function quoted(mark: string, first: string): string {
      const parts: string[] = []
      for (let piece = first.slice(1); ; piece = lines[++index]!) {
        const close = closing(piece, mark)
        if (close !== -1) return [...parts, piece.slice(0, close)].join('\n')
        parts.push(piece)
        if (index + 1 >= lines.length) throw cannot(`read ${name}`, `its ${mark} is never closed`, where)
      }
    }

    function filledIn(raw: string): string {
      if (keepDollars) return raw
      return expand(raw, {
        variables: known,
        unknown: (told) => warnings.push({ text: `${file}: ${name}: ${told}`, line: where.line }),
        demand: (missing, why) => cannot(`fill in $${missing}`, why, { ...where, key: name! }),
      })
    }
  }
  return out
}

function closing(piece: string, mark: string): number {
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] === '\\' && mark === '"') at++
    else if (piece[at] === mark) return at
  }
  return -1
}

function unescaped(value: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' }
  return value.replace(
    /\\(.)/g,
    (whole, char: string) => escapes[char] ?? ('"\\$'.includes(char) ? char : whole),
  )
}
