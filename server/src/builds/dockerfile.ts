// What a Dockerfile needs before the engine gets it. Line numbers stay as they are, so that the engine's words fit the file.
import { frontEndOf } from '@copal/compose/front-end.ts'
import { parseDockerfile } from '@copal/compose/dockerfile.ts'

/**
 * - `# syntax=docker/dockerfile…` is answered by the engine's own front end: fetching another one is no help without a network.
 *   (Other front ends were refused when the project was read.)
 * - The project's build secrets are mounted in every RUN, where files that were written for other builders expect them.
 * @param secrets names below /run/secrets
 */
export function prepareDockerfile(text: string, secrets: readonly string[]): string {
  return withSecrets(withoutSyntax(text), secrets)
}

function withoutSyntax(text: string): string {
  const asked = frontEndOf(text)
  if (!asked) return text
  const lines = text.split('\n')
  const [above, below] = [lines.slice(0, asked.line - 1), lines.slice(asked.line)]
  // Any other comment would end the directives, so the gap goes behind them.
  const others = below.findIndex((line) => !/^\s*#\s*[a-zA-Z][a-zA-Z0-9]*\s*=/.test(line))
  return [...above, ...below.slice(0, others), '#', ...below.slice(others)].join('\n')
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
