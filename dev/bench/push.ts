// How long a one-line change takes, from the beginning of `git push` to the answer of the new container on a virtual
// device, and where the time goes.
import { setTimeout as sleep } from 'node:timers/promises'
import { startPlatform, until, type Device, type Platform, type Project } from '../../e2e/platform.ts'
import { answerOf, smallApp, smallSource, untilAnswers } from '../../e2e/small-app.ts'
import { spread, type Spread } from './median.ts'

/** Milliseconds. */
export type Phases = Record<string, number>

export interface PushFigures {
  runs: number
  /** Of the whole and of each phase, in order. */
  phases: Record<string, Spread>
}

const fleet = 'admin/bench-push'
const warmUps = 2

/** @param say hears what goes on */
export async function benchPush(runs: number, say: (line: string) => void): Promise<PushFigures> {
  say('starting a platform and a virtual device …')
  await using platform = await startPlatform()
  await platform.copal('fleet', 'create', 'bench-push')
  const device = await platform.addDevice(fleet)
  const project = await platform.project(smallApp('first'))
  await pushed(project)
  await untilAnswers(device, 'first')
  say('the first push is done')
  const measured: Phases[] = []
  for (let run = 1 - warmUps; run <= runs; run++) {
    const phases = await onePush(platform, project, device, `version-${run + warmUps}`)
    say(`${run < 1 ? 'warm-up' : `push ${run} of ${runs}`}: ${Math.round(phases['whole']!)} ms`)
    if (run > 0) measured.push(phases)
  }
  const names = [...new Set(measured.flatMap((phases) => Object.keys(phases)))]
  return {
    runs,
    phases: Object.fromEntries(
      names.map((name) => [name, spread(measured.map((phases) => phases[name] ?? 0))]),
    ),
  }
}

async function onePush(
  platform: Platform,
  project: Project,
  device: Device,
  version: string,
): Promise<Phases> {
  await project.write('server.js', smallSource(version))
  const commit = await project.commit(version)
  const begun = Date.now()
  const answered = firstAnswer(device, version)
  await pushed(project)
  const ended = Date.now()
  const whole = (await answered) - begun
  const server = await serverPhases(platform, commit)
  const known = Object.values(server.phases).reduce((sum, ms) => sum + ms, 0)
  return {
    whole,
    'git push': ended - begun,
    // What git itself takes: its processes, its questions, the pack.
    git: ended - begun - known,
    ...server.phases,
    ...(await devicePhases(platform, device, {
      since: begun,
      finished: server.finished,
      answered: begun + whole,
    })),
  }
}

async function pushed(project: Project): Promise<void> {
  const { code, stderr } = await project.push(fleet)
  if (code !== 0) throw new Error(`the push failed:\n${stderr}`)
}

/** @returns epoch ms */
async function firstAnswer(device: Device, version: string): Promise<number> {
  const end = Date.now() + 5 * 60_000
  while ((await answerOf(device)) !== version) {
    if (Date.now() > end) await untilAnswers(device, version, 0)
    await sleep(10)
  }
  return Date.now()
}

async function serverPhases(
  platform: Platform,
  commit: string,
): Promise<{ phases: Phases; finished: number }> {
  const build = await until(
    async () => {
      const { builds } = await platform.get(`/builds/v1?fleet=${encodeURIComponent(fleet)}&limit=1`)
      return builds[0]?.commit === commit && builds[0].status === 'success' ? builds[0] : undefined
    },
    10_000,
    () => `there is no build of ${commit}`,
  )
  const { d } = await platform.get(`/v7/release(${build.release})?$select=end_timestamp`)
  const phases = Object.entries(build.phases as Phases).toSorted(([a], [b]) => place(a) - place(b))
  return { phases: Object.fromEntries(phases), finished: Date.parse(d[0].end_timestamp) }
}

/** In the order in which they happen; one that is not known here goes to the end. */
const order = ['receive', 'read', 'wait', 'builder', 'bases', 'build', 'upload', 'finish']
const place = (phase: string) => (order.includes(phase) ? order.indexOf(phase) : order.length)

/** From what the supervisor says in the device's log; its clock is this machine's. */
async function devicePhases(
  platform: Platform,
  device: Device,
  { since, finished, answered }: { since: number; finished: number; answered: number },
): Promise<Phases> {
  const said = await until(
    async () => {
      const lines: { timestamp: number; message: string; isSystem: boolean }[] = await platform.get(
        `/device/v2/${device.uuid}/logs?count=200&start=${since}`,
      )
      const at = (beginning: string) =>
        lines.find(({ isSystem, message }) => isSystem && message.startsWith(beginning))?.timestamp
      const times = {
        downloading: at('Downloading image'),
        downloaded: at('Downloaded image'),
        killing: at('Killing service'),
        killed: at('Killed service'),
        starting: at('Starting service'),
        started: at('Started service'),
      }
      return Object.values(times).every(Boolean) ? (times as Record<keyof typeof times, number>) : undefined
    },
    10_000,
    () => 'the log of the device does not tell of the update',
  )
  return {
    notify: said.downloading - finished,
    pull: said.downloaded - said.downloading,
    stop: said.killed - said.downloaded,
    create: said.starting - said.killed,
    start: said.started - said.starting,
    answer: answered - said.started,
  }
}
