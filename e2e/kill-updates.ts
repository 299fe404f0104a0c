// The supervisor is killed at random moments of updates. Each time the device must end with exactly what it should run:
// the containers of the release and no other, the images of the release and no other.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until, type Device, type Platform, type Project } from './platform.ts'
import { answerOf, smallApp, smallSource, untilAnswers, untilRuns } from './small-app.ts'

export interface UpdateKill {
  /** Ms after the push had ended: about then the supervisor hears of the release. */
  after: number
  /** How far the update was, by what the device's log says. */
  at: string
  /** Ms from the kill until the device was on target. */
  healed: number
}

const minute = 60_000
const services = ['web', 'worker']

export async function killUpdates(
  platform: Platform,
  kills: number,
  say: (line: string) => void,
): Promise<{ kills: UpdateKill[]; usual: number }> {
  const fleet = 'kill-updates'
  await platform.copal('fleet', 'create', fleet)
  const device = await platform.addDevice(`admin/${fleet}`)
  const project = await platform.project(twoServices('first'))
  await push(platform, project, fleet, 'first')
  await untilAnswers(device, 'first')
  await push(platform, project, fleet, 'second')
  const begun = Date.now()
  await untilAnswers(device, 'second')
  const usual = Date.now() - begun + 1000 // what is cleared away comes after the answer
  const done: UpdateKill[] = []
  for (let number = 1; number <= kills; number++) {
    const after = (usual * (number - 1 + Math.random())) / kills
    const version = `kill-${number}`
    const commit = await push(platform, project, fleet, version)
    await sleep(after)
    const pid = await device.supervisorPid()
    const killed = Date.now()
    process.kill(pid, 'SIGKILL')
    await untilOnTarget(device, commit, version)
    const kill = { after, at: await progress(platform, device, killed), healed: Date.now() - killed }
    done.push(kill)
    say(
      `kill ${number} of ${kills} after ${Math.round(after)} of ${usual} ms (${kill.at}): on target ${kill.healed} ms later`,
    )
  }
  const versions = done.map((_, index) => `kill-${index + 1}`)
  await untilLoggedOnce(platform, device, versions)
  return { kills: done, usual }
}

function twoServices(version: string): Record<string, string> {
  const files = Object.entries(smallApp(version))
  return {
    'docker-compose.yml': `services:
  web:
    build: web
    network_mode: host
    depends_on: [worker]
  worker:
    build: worker
    volumes: ['kept:/data']
volumes:
  kept:
`,
    ...Object.fromEntries(
      services.flatMap((service) => files.map(([path, content]) => [`${service}/${path}`, content])),
    ),
    ...sources(version),
  }
}

/** Each service has an image of its own: the same source would be the same image. */
function sources(version: string): Record<string, string> {
  return Object.fromEntries(
    services.map((service) => [`${service}/server.js`, `// ${service}\n${smallSource(version)}`]),
  )
}

/** @returns the commit */
async function push(platform: Platform, project: Project, fleet: string, version: string): Promise<string> {
  for (const [path, content] of Object.entries(sources(version))) await project.write(path, content)
  const commit = await project.commit(version)
  await platform.answers()
  const { code, stderr } = await project.push(`admin/${fleet}`)
  assert.equal(code, 0, stderr)
  return commit
}

async function untilOnTarget(device: Device, commit: string, version: string): Promise<void> {
  await untilAnswers(device, version)
  let seen = ''
  await until(
    async () => {
      seen = await inventory(device)
      return seen === expected(commit)
    },
    minute,
    () => `the device has not exactly what it should have:\n${seen}\ninstead of\n${expected(commit)}`,
  )
  await untilRuns(device, commit)
  assert.equal(await inventory(device), expected(commit), 'it stays so')
  assert.equal(await answerOf(device), version)
}

const expected = (commit: string) =>
  [
    ...services.map((service) => `container ${service} ${commit} running`),
    ...services.map((service) => `image of ${service}`),
    'volume kept',
  ].join('\n')

/** All that is on the device's engine but the supervisor's, a line each. */
async function inventory(device: Device): Promise<string> {
  const containers = await lines(device, 'ps', '-a', '--format', '{{.Names}} {{.State}} {{.Image}}')
  const apps = containers.filter((line) => !line.startsWith('copal_supervisor'))
  const images = await lines(device, 'images', '-a', '--no-trunc', '--format', '{{.ID}} {{.Repository}}')
  const used = new Map<string, string>()
  for (const name of apps.map((line) => line.split(' ')[0]!))
    used.set(await device.docker('inspect', '--format', '{{.Image}}', name), name.split('_')[0]!)
  const others = images.filter((line) => !line.includes('supervisor'))
  return [
    ...apps.map((line) => {
      const [name, state] = line.split(' ') as [string, string]
      return `container ${name.split('_')[0]} ${name.split('_').at(-1)} ${state}`
    }),
    ...others.map((line) => `image of ${used.get(line.split(' ')[0]!) ?? `nobody: ${line}`}`),
    ...(await lines(device, 'volume', 'ls', '--format', '{{.Name}}')).map(
      (name) => `volume ${name.split('_').at(-1)}`,
    ),
  ]
    .sort()
    .join('\n')
}

async function lines(device: Device, ...args: string[]): Promise<string[]> {
  return (await device.docker(...args)).split('\n').filter(Boolean)
}

/** Each service says its version once in its life: the platform must have that line once, whoever was killed meanwhile. */
async function untilLoggedOnce(platform: Platform, device: Device, versions: string[]): Promise<void> {
  const wanted = versions.flatMap((version) => services.map(() => `this is ${version}`))
  let logged: string[] = []
  await until(
    async () => {
      const lines: { message: string; serviceId: number | null }[] = await platform.get(
        `/device/v2/${device.uuid}/logs?count=1000`,
      )
      logged = lines.map(({ message }) => message).filter((message) => message.startsWith('this is kill-'))
      return wanted.every((message) => logged.includes(message)) && logged.length >= wanted.length
    },
    minute,
    () => `lines are missing of\n${logged.join('\n')}`,
  )
  assert.deepEqual(logged.toSorted(), wanted.toSorted(), 'each line once')
}

/** The last that the supervisor said before it was killed; what was not sent by then is lost with it. */
async function progress(platform: Platform, device: Device, killed: number): Promise<string> {
  const said: { timestamp: number; message: string; isSystem: boolean }[] = await platform.get(
    `/device/v2/${device.uuid}/logs?count=200&start=${killed - minute}`,
  )
  const last = said.filter(({ isSystem, timestamp }) => isSystem && timestamp <= killed).at(-1)
  return last ? last.message.replace(/ '.*/, '') : 'nothing was said'
}
