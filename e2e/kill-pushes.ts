// The server is killed at random moments of pushes. After each time, what the platform promises is looked at: a push happened
// wholly or not at all and can be repeated, every blob is what its name says, a clone is what the branch says, the device
// comes to run it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { run, until, type Device, type Platform, type Project } from './platform.ts'
import { smallApp, smallSource, untilAnswers, untilRuns } from './small-app.ts'

export interface PushKill {
  /** Ms after the beginning of the push. */
  after: number
  /** What the pusher was told, and where the branch stood afterwards. */
  outcome: 'happened' | 'happened, pusher not told' | 'did not happen'
  /** Ms from the kill until the server answered again. */
  back: number
  /** Ms that the repeated push took; 0 where there was nothing to repeat. */
  repeated: number
}

const minute = 60_000

export async function killPushes(
  platform: Platform,
  kills: number,
  say: (line: string) => void,
): Promise<{ kills: PushKill[]; usual: number; blobs: number }> {
  const name = 'kill-pushes'
  await platform.copal('fleet', 'create', name)
  const device = await platform.addDevice(`admin/${name}`)
  const project = await platform.project(smallApp('first'))
  await push(project, name)
  await untilAnswers(device, 'first')
  // So long does a push take here and now: the kills are spread over it.
  const usual = await change(project, 'second').then(() => push(project, name))
  const done: PushKill[] = []
  for (let number = 1; number <= kills; number++) {
    // Stratified, so that a short series reaches all phases, too.
    const after = (usual * (number - 1 + Math.random())) / kills
    const kill = await killOnePush(platform, project, device, {
      fleet: name,
      version: `kill-${number}`,
      after,
    })
    done.push(kill)
    say(
      `kill ${number} of ${kills} after ${Math.round(kill.after)} of ${Math.round(usual)} ms: the push ${kill.outcome}` +
        (kill.repeated ? `, repeated in ${kill.repeated} ms` : '') +
        `; the server was back after ${kill.back} ms`,
    )
  }
  await nothingStaysRunning(platform)
  return { kills: done, usual, blobs: await wholeBlobs(platform) }
}

async function killOnePush(
  platform: Platform,
  project: Project,
  device: Device,
  { fleet, version, after }: { fleet: string; version: string; after: number },
): Promise<PushKill> {
  const before = await branch(project, fleet)
  const commit = await change(project, version)
  const pid = await platform.serverPid()
  const pushing = project.push(`admin/${fleet}`)
  await sleep(after)
  const killed = Date.now()
  process.kill(pid, 'SIGKILL')
  const pushed = await pushing
  await platform.answers()
  const back = Date.now() - killed

  const now = await branch(project, fleet)
  assert.ok(now === before || now === commit, `the branch is at ${now}, neither ${before} nor ${commit}`)
  if (pushed.code === 0) assert.equal(now, commit, 'git said that the push went well')
  const released = await releases(platform, fleet, commit, 'success')
  assert.equal(
    released.length,
    now === commit ? 1 : 0,
    'the branch moves when, and only when, there is a release',
  )
  await wholeBlobs(platform)
  await cloneIs(platform, project, fleet, now)

  const repeated = now === commit ? 0 : await push(project, fleet)
  await cloneIs(platform, project, fleet, commit)
  await untilAnswers(device, version)
  await untilRuns(device, commit)
  const outcome =
    now !== commit ? 'did not happen' : pushed.code === 0 ? 'happened' : 'happened, pusher not told'
  return { after, outcome, back, repeated }
}

/** @returns the commit */
async function change(project: Project, version: string): Promise<string> {
  await project.write('server.js', smallSource(version))
  return project.commit(version)
}

/** @returns ms */
async function push(project: Project, fleet: string): Promise<number> {
  const begun = Date.now()
  const { code, stderr } = await project.push(`admin/${fleet}`)
  assert.equal(code, 0, stderr)
  return Date.now() - begun
}

async function branch(project: Project, fleet: string): Promise<string> {
  const { code, stdout, stderr } = await project.git(
    'ls-remote',
    project.remote(`admin/${fleet}`),
    'refs/heads/main',
  )
  assert.equal(code, 0, stderr)
  return stdout.split('\t')[0]!
}

async function cloneIs(platform: Platform, project: Project, fleet: string, commit: string): Promise<void> {
  const folder = await mkdtemp(join(platform.folder, 'clone-'))
  const cloned = await project.git('clone', '-q', project.remote(`admin/${fleet}`), folder)
  assert.equal(cloned.code, 0, cloned.stderr)
  const checked = await run('git', ['-C', folder, 'fsck', '--full', '--strict'])
  assert.equal(checked.code, 0, checked.stderr)
  assert.equal((await run('git', ['-C', folder, 'rev-parse', 'HEAD'])).stdout.trim(), commit)
}

async function releases(
  platform: Platform,
  fleet: string,
  commit: string,
  status: string,
): Promise<unknown[]> {
  const filter = `belongs_to__application/any(a:a/slug eq 'admin/${fleet}') and commit eq '${commit}' and status eq '${status}'`
  return (await platform.get(`/v7/release?$select=id&$filter=${encodeURIComponent(filter)}`)).d
}

/** The server sweeps what a dead copy left, once that one's lease has run out. */
async function nothingStaysRunning(platform: Platform): Promise<void> {
  const running = () => platform.get(`/v7/release?$select=id,commit,status&$filter=status eq 'running'`)
  await until(
    async () => (await running()).d.length === 0,
    minute,
    async () => `releases stay running: ${JSON.stringify((await running()).d)}`,
  )
  const open = async () => {
    const { builds } = await platform.get('/builds/v1?limit=100')
    return builds.filter(({ status }: { status: string }) => status === 'waiting' || status === 'running')
  }
  await until(
    async () => (await open()).length === 0,
    minute,
    async () => `builds that nobody works on: ${JSON.stringify(await open())}`,
  )
}

/** Every blob that a row names is there, and every one that is there is what its name says. @returns how many there are */
async function wholeBlobs(platform: Platform): Promise<number> {
  const folder = join(platform.dataDir, 'blobs', 'sha256')
  const names = (await readdir(folder, { recursive: true })).map((path) => path.split('/').at(-1)!)
  const files = names.filter((name) => name.length === 64)
  for (const name of files) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(join(folder, name.slice(0, 2), name)), hash)
    assert.equal(hash.digest('hex'), name, `the bytes of blob ${name} are others`)
  }
  const sql = postgres({ ...connection(platform.databaseUrl), max: 1 })
  try {
    const rows = await sql<{ digest: string; size: string }[]>`
      select digest, size from registry_blob union select blob, size from git_pack`
    for (const { digest, size } of rows) {
      const hex = digest.replace('sha256:', '')
      const { size: found } = await stat(join(folder, hex.slice(0, 2), hex))
      assert.equal(found, Number(size), `blob ${digest} has another size than its row says`)
    }
  } finally {
    await sql.end()
  }
  return files.length
}

function connection(url: string): { host: string; username: string; database: string } {
  const { searchParams, pathname } = new URL(url)
  return { host: searchParams.get('host')!, username: searchParams.get('user')!, database: pathname.slice(1) }
}
