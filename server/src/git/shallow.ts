// A push from a shallow clone is taken: its tip has a whole tree, which is all that a build needs. What has to be remembered
// is where history ends here.
import { runGit, type Objects } from './program.ts'

/**
 * Of the commits at which the pusher's history is cut off, those whose parents are not here either. What is here already
 * stays whole: it came with pushes that were whole, or that were cut off at a remembered place.
 */
export async function cutOffCommits(folder: string, candidates: string[], env: Objects): Promise<string[]> {
  if (candidates.length === 0) return []
  const parents = await parentsOf(folder, candidates, env)
  const all = [...new Set([...parents.values()].flat())]
  const listed = await runGit(folder, ['cat-file', '--batch-check=%(objectname)'], { env, input: lines(all) })
  const missing = new Set(
    listed
      .split('\n')
      .filter((line) => line.endsWith(' missing'))
      .map((line) => line.split(' ')[0]!),
  )
  return [...parents]
    .filter(([, list]) => list.some((parent) => missing.has(parent)))
    .map(([commit]) => commit)
}

/** As the commits themselves say, whatever git has been told about cut-off points. Commits that are not here are left out. */
async function parentsOf(folder: string, commits: string[], env: Objects): Promise<Map<string, string[]>> {
  const parents = new Map<string, string[]>()
  const types = await runGit(folder, ['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    env,
    input: lines(commits),
  })
  for (const line of types.split('\n')) {
    const [commit, type] = line.split(' ')
    if (type !== 'commit') continue
    const [header] = (await runGit(folder, ['cat-file', 'commit', commit!], { env })).split('\n\n', 1)
    parents.set(
      commit!,
      [...header!.matchAll(/^parent ([0-9a-f]{40})$/gm)].map((match) => match[1]!),
    )
  }
  return parents
}

const lines = (list: string[]) => list.map((item) => `${item}\n`).join('')
