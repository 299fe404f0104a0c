// A Dockerfile as a list of instructions, the way engines cut it up.

export type Instruction = { name: string; flags: string[]; rest: string; line: number }
export type ParsedDockerfile = { escape: string; instructions: Instruction[] }

/**
 * Comments and blank lines inside a continuation are skipped, blanks behind its backslash do no harm, heredocs belong to
 * their instruction, `# escape=` is heeded. What is no instruction is left to the engine to refuse.
 */
export function parseDockerfile(text: string): ParsedDockerfile {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const escape = escapeOf(lines)
  const continued = escape === '`' ? /`[ \t]*$/ : /\\[ \t]*$/
  const instructions: Instruction[] = []

  for (let index = 0; index < lines.length; index++) {
    if (isComment(lines[index]!)) continue
    const line = index + 1
    const parts: string[] = []
    for (; index < lines.length; index++) {
      const piece = lines[index]!
      if (parts.length && isComment(piece)) continue
      const goesOn = continued.test(piece)
      parts.push(goesOn ? piece.replace(continued, '') : piece)
      if (!goesOn) break
    }
    const instruction = cut(parts.join(''), line)
    for (const end of heredocsOf(instruction)) {
      while (
        ++index < lines.length &&
        (end.tabs ? lines[index]!.replace(/^\t+/, '') : lines[index]) !== end.word
      );
    }
    instructions.push(instruction)
  }
  return { escape, instructions }
}

/** Comments and blank lines count alike. */
function isComment(line: string): boolean {
  return /^\s*(#|$)/.test(line)
}

/** Directives stand above everything else, one a line. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, key, value] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S+)\s*$/.exec(line) ?? []
    if (!key) break
    if (key.toLowerCase() === 'escape' && value === '`') return '`'
  }
  return '\\'
}

function cut(text: string, line: number): Instruction {
  const [, name = '', after = ''] = /^\s*(\S+)\s*([^]*)$/.exec(text) ?? []
  const flags: string[] = []
  let rest = after
  for (let flag = /^--\S+/.exec(rest); flag; flag = /^--\S+/.exec(rest)) {
    flags.push(flag[0])
    rest = rest.slice(flag[0].length).trimStart()
  }
  return { name: name.toUpperCase(), flags, rest: rest.trimEnd(), line }
}

function heredocsOf({ name, rest }: Instruction): { word: string; tabs: boolean }[] {
  if (!['RUN', 'COPY', 'ADD'].includes(name)) return []
  return [...rest.matchAll(/(?<![<\w])<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)/g)].map((found) => ({
    word: found[3]!,
    tabs: found[1] === '-',
  }))
}
