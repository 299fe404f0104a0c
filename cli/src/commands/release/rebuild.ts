import type { Command } from 'commander'
import { findFleet, findRelease } from '../../find.ts'
import { ask } from '../../http.ts'
import { printJson, remark, say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings } from '../../settings.ts'
import type { Build } from '../build/find.ts'
import { followToEnd } from '../build/follow.ts'

interface Options {
  fleet?: string
  cache: boolean
  draft?: boolean
  detached?: boolean
  json?: boolean
}

export function rebuildRelease(release: Command): void {
  release
    .command('rebuild <release>')
    .description(
      'build its git commit once more, into a release with a commit of its own (its tag source-commit names the old one)',
    )
    .option('-f, --fleet <fleet>', 'of this fleet')
    .option('--no-cache', 'build every step anew')
    .option('--draft', 'make a draft, which no fleet follows until it is finalized')
    .option('-d, --detached', 'do not wait for the build')
    .option('--json', 'print JSON, one object a line while it builds')
    .action(rebuild)
}

async function rebuild(name: string, options: Options): Promise<void> {
  const settings = readSettings()
  const fleet = options.fleet ? await findFleet(settings, options.fleet) : undefined
  const { id } = await findRelease(settings, name, undefined, fleet)
  const body = { rebuild: id, nocache: !options.cache, ...(options.draft && { draft: true }) }
  const build: Build = await ask(settings, '/builds/v1', { body })
  if (options.detached) {
    if (options.json) printJson(build)
    else say(`Build ${build.id} of ${build.fleet} has begun: copal build follow ${build.id}`)
    return
  }
  const stop = new AbortController()
  process.once('SIGINT', () => {
    remark('Cancelling the build …')
    stop.abort()
    void ask(settings, `/builds/v1/${build.id}/cancel`, { method: 'POST' }).catch(() => {})
  })
  await followToEnd(settings, build, options, stop.signal).finally(() => {
    if (stop.signal.aborted)
      throw new Problem('The build was cancelled; nothing on the devices changes.', 130)
  })
}
