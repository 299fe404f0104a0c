// Builds that nobody has to wait for: they are done over, followed, and outlive the platform's own stops and deaths.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type Platform } from './platform.ts'

let platform: Platform
before(async () => {
  platform = await startPlatform()
})
after(async () => {
  await platform?.[Symbol.asyncDispose]()
})

test('a release is built once more from its git commit, and the fleet moves to the new one', async () => {
  await platform.copal('fleet', 'create', 'again')
  const project = await platform.project({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
  const pushed = await project.push('admin/again')
  assert.equal(pushed.code, 0, pushed.stderr)
  const commit = (await project.git('rev-parse', 'HEAD')).stdout.trim()

  const printed = await platform.copal('release', 'rebuild', commit.slice(0, 7))
  assert.match(printed, /^Building admin\/again for [^]*^Release: [0-9a-f]{40} \(id: \d+\)/m)
  const [newest] = await platform.json('release', 'list', 'again')
  assert.notEqual(newest.commit, commit)
  const shown = await platform.json('release', 'show', newest.commit)
  assert.deepEqual(
    shown.release_tag.map(({ tag_key, value }: any) => [tag_key, value]),
    [['source-commit', commit]],
  )
  const fleet = await platform.json('fleet', 'show', 'again')
  assert.equal(fleet.should_be_running__release[0].commit, newest.commit)

  const build = await platform.json('release', 'rebuild', newest.commit, '--draft', '--detached')
  assert.match(await platform.copal('build', 'follow', String(build.id)), /, a draft$/m)
  assert.equal((await platform.json('release', 'list', 'again'))[0].is_final, false)
})

/** Reads a build's log until a line is there. */
async function untilPrinted(build: number, pattern: RegExp): Promise<void> {
  const answer = await fetch(`${platform.url}/builds/v1/${build}/log`, {
    headers: { authorization: `Bearer ${platform.token}` },
    signal: AbortSignal.timeout(180_000),
  })
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream()))
    if (pattern.test((text += chunk))) return
  throw new Error(`the build ended without ${pattern}:\n${text}`)
}

for (const [how, signal] of [
  ['is stopped', 'SIGTERM'],
  ['is killed', 'SIGKILL'],
] as const)
  test(`a build without a pusher goes on when the platform ${how} and started again`, async () => {
    const fleet = signal.toLowerCase()
    await platform.copal('fleet', 'create', fleet)
    const slow = `RUN echo begun ${signal}; sleep 8; echo done\n`
    const { folder } = await platform.project({
      'Dockerfile.template': `FROM copal/%%BALENA_ARCH%%-debian:trixie\n${slow}`,
    })
    const { releaseId } = JSON.parse(await platform.copal('push', fleet, '--source', folder, '--detached'))
    const [{ id }] = await platform.json('build', 'list', fleet)
    await untilPrinted(id, /\] +begun/)
    if (signal === 'SIGKILL') process.kill(await platform.serverPid(), signal)
    else {
      await platform.stop()
      await platform.start()
    }
    await platform.answers()
    const followed = await platform.copal('build', 'follow', String(id))
    assert.match(followed, /starting again \(try \d of 3\)$[^]*\] +done$/m)
    const [newest] = await platform.json('release', 'list', fleet)
    assert.deepEqual([newest.id, newest.status], [releaseId, 'success'])
  })
