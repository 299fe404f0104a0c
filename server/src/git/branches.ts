// What a push may do, decided before anything else happens. Pure.
import { conflict, forbidden } from '../problems.ts'

/** One line of a push: move `ref` from `old` to `new`; `nothing` stands for "is not there". */
export interface Command {
  old: string
  new: string
  ref: string
}

export const nothing = '0'.repeat(40)

/** Branches that build and keep their place. */
export const builtBranches = ['refs/heads/main', 'refs/heads/master']

/**
 * Branches that are doors rather than places: a push through one builds in a special way, and no ref stays, so that the
 * same commit can go through it as often as one likes (builder-and-push §2).
 */
const doors: Record<string, { nocache: boolean; emulated: boolean }> = {
  'refs/heads/balena-nocache': { nocache: true, emulated: false },
  'refs/heads/balena-emulated': { nocache: false, emulated: true },
}

export interface Plan {
  /** What is built; undefined when only tags move. */
  build: { branch: string; commit: string; nocache: boolean; emulated: boolean } | undefined
  /** The refs that move when all went well. */
  moves: Command[]
}

/** Decides on a push as a whole; throws the Problem that the pusher is to read. `refs` is how things stand now. */
export function planPush(commands: Command[], refs: ReadonlyMap<string, string>): Plan {
  const building = commands.filter((command) => builds(command))
  if (building.length > 1)
    throw conflict(
      `cannot build ${building.map(({ ref }) => shortName(ref)).join(' and ')} in one push: a fleet has one order of releases · push one branch at a time`,
    )
  for (const command of commands) refuseMoved(command, refs)
  const moves = commands.filter(({ ref }) => !doors[ref])
  refuseNested(moves, refs)
  const [first] = building
  return {
    build: first && {
      branch: shortName(first.ref),
      commit: first.new,
      nocache: doors[first.ref]?.nocache ?? false,
      emulated: doors[first.ref]?.emulated ?? false,
    },
    moves,
  }
}

/** `main` of `refs/heads/main`. */
export const shortName = (ref: string): string => ref.replace(/^refs\/(?:heads|tags)\//, '')

function builds({ ref, new: commit }: Command): boolean {
  if (ref.startsWith('refs/tags/')) return false
  const name = shortName(ref)
  if (builtBranches.includes(ref) || doors[ref]) {
    if (commit !== nothing) return true
    throw forbidden(`cannot delete ${name}: devices follow it · push another commit with --force instead`)
  }
  if (!ref.startsWith('refs/heads/'))
    throw forbidden(`cannot take ${ref}: only branches that build and tags are kept here`)
  throw forbidden(
    `cannot build branch ${name}: only main and master are built · git push <remote> ${name}:main`,
  )
}

/** The client judged by what it saw when it connected; another push may have come between. */
function refuseMoved({ ref, old }: Command, refs: ReadonlyMap<string, string>): void {
  if ((refs.get(ref) ?? nothing) !== old) throw movedMeanwhile(ref)
}

export const movedMeanwhile = (ref: string) =>
  conflict(
    `cannot move ${shortName(ref)}: another push moved it meanwhile · look with git fetch, then push again`,
    'ref_moved',
  )

/** git keeps refs like files: `v1` and `v1/beta` exclude each other. It would find out only after the build. */
function refuseNested(moves: Command[], refs: ReadonlyMap<string, string>): void {
  const after = new Set(refs.keys())
  for (const move of moves)
    if (move.new === nothing) after.delete(move.ref)
    else after.add(move.ref)
  for (const { ref } of moves.filter((move) => move.new !== nothing)) {
    const parts = ref.split('/')
    for (let length = 3; length < parts.length; length++) {
      const parent = parts.slice(0, length).join('/')
      if (after.has(parent) || refs.has(parent)) throw nested(ref, parent)
    }
    for (const other of [...after, ...refs.keys()]) if (other.startsWith(`${ref}/`)) throw nested(ref, other)
  }
}

const nested = (ref: string, other: string) =>
  conflict(
    `cannot keep ${shortName(ref)} beside ${shortName(other)}: git takes one for a folder of the other`,
  )
