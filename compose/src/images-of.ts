// Which images a Dockerfile really needs: those of the stages on the way to its target.
import { parseDockerfile, type Instruction } from './dockerfile.ts'
import { cannot } from './project-error.ts'
import { choose, substitutionAt } from './substitution.ts'

export type BaseImage = {
  image: string
  /** From `FROM --platform=`; else the build's own. */
  platform?: string
  line: number
}

type Stage = {
  name: string
  base: string
  platform?: string
  line: number
  uses: { from: string; line: number }[]
}

/** Names of the images that `target` (by default the last stage) is made from, each once, in order of appearance. */
export function imagesOf(
  dockerfile: string,
  buildArgs: Readonly<Record<string, string>>,
  target?: string,
): string[] {
  return [
    ...new Set(
      baseImagesOf(dockerfile, { buildArgs, ...(target ? { target } : {}) }).map(({ image }) => image),
    ),
  ]
}

export type Question = {
  /** Those of the build, and the engine's own (`platformArguments`). */
  buildArgs: Readonly<Record<string, string>>
  target?: string
  /** For sentences. */
  file?: string
  service?: string
}

/** Throws a ProjectError where there is no stage, no such target, or the name of an image comes out empty. */
export function baseImagesOf(dockerfile: string, question: Question): BaseImage[] {
  const where = {
    file: question.file ?? 'Dockerfile',
    ...(question.service ? { service: question.service } : {}),
  }
  const stages = stagesOf(dockerfile, question.buildArgs, where)
  if (stages.length === 0) throw cannot('build', 'there is no FROM in it', where)
  const last =
    question.target === undefined ? stages.length - 1 : stageAt(stages, question.target, stages.length)
  if (last === undefined) {
    const names = stages.map((stage) => stage.name).filter(Boolean)
    throw cannot(
      `build the target ${question.target}`,
      `there is no such stage · there are ${names.join(', ') || 'none with a name'}`,
      where,
    )
  }

  const images: BaseImage[] = []
  const needed = new Set([last])
  // Stages refer upwards only, so one pass from below meets every stage after all that use it.
  for (let index = last; index >= 0; index--) {
    if (!needed.has(index)) continue
    const stage = stages[index]!
    const platform = stage.platform ? { platform: stage.platform } : {}
    need(stage.base, { ...platform, line: stage.line }, index)
    for (const use of stage.uses) need(use.from, { line: use.line }, index)
  }
  return images.toSorted((a, b) => a.line - b.line)

  function need(name: string, found: Omit<BaseImage, 'image'>, before: number): void {
    const stage = stageAt(stages, name, before)
    if (stage !== undefined) needed.add(stage)
    else if (name.toLowerCase() !== 'scratch') images.push({ image: name, ...found })
  }
}

function stageAt(stages: readonly Stage[], name: string, before: number): number | undefined {
  const named = stages.findLastIndex(
    (stage, index) => index < before && stage.name !== '' && stage.name === name.toLowerCase(),
  )
  if (named !== -1) return named
  return /^\d{1,4}$/.test(name) && Number(name) < before ? Number(name) : undefined
}

function stagesOf(
  dockerfile: string,
  buildArgs: Readonly<Record<string, string>>,
  where: { file: string },
): Stage[] {
  const { escape, instructions } = parseDockerfile(dockerfile)
  const stages: Stage[] = []
  // Only arguments above the first FROM are known in FROM. What the engine gives counts without being declared.
  const known = new Map(
    Object.entries(buildArgs).filter(([name]) => /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/.test(name)),
  )
  const expand = (text: string, line: number) => expandWord(text, known, escape, { ...where, line })

  for (const instruction of instructions) {
    const { name, rest, line } = instruction
    const stage = stages.at(-1)
    if (name === 'ARG' && !stage) {
      for (const [argument, value] of argumentsIn(rest)) {
        const given = Object.hasOwn(buildArgs, argument) ? buildArgs[argument] : value && expand(value, line)
        if (given !== undefined) known.set(argument, given)
      }
    } else if (name === 'FROM') {
      const [written = '', as = '', called = ''] = rest.split(/\s+/)
      const base = expand(written, line)
      if (base === '')
        throw cannot(
          `tell the base image from ${written || 'FROM'}`,
          'it comes out empty · give its ARG a default above the first FROM',
          { ...where, line },
        )
      const platform = flagOf(instruction, 'platform')
      const on = platform && expand(platform, line)
      stages.push({
        name: as.toLowerCase() === 'as' ? called.toLowerCase() : '',
        base,
        ...(on ? { platform: on } : {}),
        line,
        uses: [],
      })
    } else if (stage) {
      for (const from of fromsOf(instruction)) stage.uses.push({ from, line })
    }
  }
  return stages
}

/** `COPY --from=…` and `RUN --mount=…,from=…`. Engines fill in no arguments there. */
function fromsOf(instruction: Instruction): string[] {
  const { name } = instruction
  if (name === 'COPY' || name === 'ADD')
    return [flagOf(instruction, 'from')].filter((from) => from !== undefined && from !== '') as string[]
  if (name !== 'RUN') return []
  return instruction.flags
    .filter((flag) => flag.startsWith('--mount='))
    .flatMap((flag) => flag.slice('--mount='.length).split(','))
    .filter((part) => part.startsWith('from=') && part.length > 'from='.length)
    .map((part) => part.slice('from='.length))
}

function flagOf({ flags }: Instruction, name: string): string | undefined {
  return flags.find((flag) => flag.startsWith(`--${name}=`))?.slice(name.length + 3)
}

function* argumentsIn(rest: string): Iterable<[string, string | undefined]> {
  for (const [, name, value] of rest.matchAll(/([A-Za-z_][A-Za-z0-9_]*)(?:=("[^"]*"|'[^']*'|\S*))?/g))
    yield [name!, value]
}

/** One word as engines read it: quotes fall away, `$NAME` and `${NAME:-…}` are filled in, an unknown name is empty. */
function expandWord(
  text: string,
  known: ReadonlyMap<string, string>,
  escape: string,
  where: object,
  depth = 0,
): string {
  let out = ''
  for (let at = 0; at < text.length;) {
    const char = text[at]!
    const found = char === '$' ? substitutionAt(text, at) : undefined
    if (found) {
      const chosen = choose(found, known.get(found.name))
      if (chosen === 'missing' && found.operator)
        throw cannot(`fill in $${found.name}`, found.word || 'it has no value', where)
      if (chosen !== 'missing')
        out +=
          'text' in chosen
            ? chosen.text
            : depth < 16
              ? expandWord(chosen.word, known, escape, where, depth + 1)
              : ''
      at = found.end
    } else if (char === '"' || char === "'") {
      at++
    } else {
      if (char === escape) at++
      out += text[at] ?? ''
      at++
    }
    if (out.length > 4096)
      throw cannot('fill in the arguments', 'the result is longer than any name of an image', where)
  }
  return out
}
