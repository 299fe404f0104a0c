// What a Dockerfile needs before the engine gets it. Line numbers stay as they are, so that the engine's words fit the file.
import { parseDockerfile } from '@copal/compose/dockerfile.ts'

/**
 * - `# syntax=docker/dockerfile…` is answered by the engine's own front end: fetching another one is no help without a network.
 * - The project's build secrets are mounted in every RUN, where files that were written for other builders expect them.
 * @param secrets names below /run/secrets
 */
export function prepareDockerfile(text: string, secrets: readonly string[]): string {
  return withSecrets(withoutSyntax(text), secrets)
}

function withoutSyntax(text: string): string {
  const lines = text.split('\n')
  const ends = lines.findIndex((line) => !/^\s*#\s*[a-zA-Z][a-zA-Z0-9]*\s*=/.test(line))
  const directives = lines.slice(0, Math.max(0, ends))
  const isOurs = (line: string) =>
    /^\s*#\s*syntax\s*=\s*(?:docker\.io\/)?docker\/dockerfile(?:[:@].*)?\s*$/i.test(line)
  const others = directives.filter((line) => !isOurs(line))
  // Any other comment would end the directives, so the gap goes behind them.
  const gap = Array.from({ length: directives.length - others.length }, () => '#')
  return [...others, ...gap, ...lines.slice(directives.length)].join('\n')
}

function withSecrets(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text
  const mounts = secrets.map((name) => `--mount=type=secret,id=${name},target=/run/secrets/${name}`).join(' ')
  const lines = text.split('\n')
  for (const { name, line } of parseDockerfile(text).instructions) {
    if (name === 'RUN') lines[line - 1] = lines[line - 1]!.replace(/^(\s*RUN)(?=\s|\\|$)/i, `$1 ${mounts}`)
  }
  return lines.join('\n')
}

/** Where the engine finds it in the context: without the ending that made it the chosen one. */
export function plainName(path: string, context: string): string {
  const inside = context !== '' && path.startsWith(`${context}/`) ? path.slice(context.length + 1) : path
  return /(?:^|\/)Dockerfile\.[^/]+$/.test(inside) || inside.endsWith('.template')
    ? inside.replace(/\.[^./]*$/, '')
    : inside
}
