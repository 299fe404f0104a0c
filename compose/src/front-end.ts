// Which program reads a Dockerfile: `# syntax=` (or the build argument BUILDKIT_SYNTAX) may ask for another than the engine's own.
import { cannot, type Where } from './project-error.ts'

const DIRECTIVE = /^\s*(?:#|\/\/)\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S+)\s*$/
const ARGUMENT = 'BUILDKIT_SYNTAX'

export type FrontEnd = { image: string; line: number }

/** What the directives at the top of a Dockerfile ask for; undefined where they name none. */
export function frontEndOf(dockerfile: string): FrontEnd | undefined {
  const lines = dockerfile.replace(/^\uFEFF/, '').split('\n')
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith('#!')) continue
    const [, key, image] = DIRECTIVE.exec(line) ?? []
    if (!key) return undefined // directives stand above everything else
    if (key.toLowerCase() === 'syntax') return { image: image!, line: index + 1 }
  }
  return undefined
}

/** Any release of Docker's own: the engine has one built in, which needs no network to be there. */
export const isBuiltIn = (image: string): boolean =>
  /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$/.test(image)

/** The arguments without the one that chooses a front end. Throws a ProjectError for a front end other than the engine's. */
export function withBuiltInFrontEnd(
  dockerfile: string,
  args: Readonly<Record<string, string>>,
  where: Where,
): Record<string, string> {
  const asked = frontEndOf(dockerfile)
  if (asked && !isBuiltIn(asked.image)) throw foreign(asked.image, { ...where, line: asked.line })
  const { [ARGUMENT]: argument, ...others } = args
  if (argument && !isBuiltIn(argument)) {
    const { service } = where
    throw foreign(argument, { ...(service ? { service } : {}), key: ARGUMENT })
  }
  return others
}

const foreign = (image: string, where: Where) =>
  cannot(
    `read the Dockerfile with ${image}`,
    "only the engine's own front end is used here, which is a recent docker/dockerfile · remove the syntax line",
    where,
  )
