import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Engine } from '@copal/engine/engine.ts'
import { listContainers } from '@copal/engine/containers.ts'
import { execute } from '@copal/engine/exec.ts'
import { inspectNetwork, listNetworks } from '@copal/engine/networks.ts'
import { listImages, saveImages } from '@copal/engine/images.ts'
import { newClone } from '../git/test-remote.ts'
import { cancelRelease } from '../releases/end-release.ts'
import type { TestServer } from '../test-server.ts'
import { holdBuilder, platformId } from './builders.ts'
import { silent } from './output.ts'
import { sweepBuilds } from './sweep-builds.ts'
import { tidyBuilder } from './tidy-builder.ts'
import { archiveOf, buildingServer, push, seedFleet } from './test-push.ts'

const arch = process.arch === 'arm64' ? 'aarch64' : 'amd64'
const debian = `copal/${arch}-debian:trixie`
// The first build makes the builder and the base image, which takes a while on a fresh machine.
const first = { timeout: 600_000 }
const each = { timeout: 300_000 }

let server: TestServer
before(async () => {
  server = await buildingServer({ COPAL_BUILDS_AT_ONCE: '1' })
  await seedFleet(server, 'hello', arch)
}, first)
after(() => server?.[Symbol.asyncDispose]())

const sql = (...query: Parameters<TestServer['ctx']['db']['sql']>) => server.ctx.db.sql(...query)
const releaseRow = async (id: number) => (await sql`select * from release where id = ${id}`)[0]!
const target = async (): Promise<number> =>
  (await sql`select should_be_running__release as id from application where app_name = 'hello'`)[0]!.id

/** What processes of builds run in the organization's builder. */
async function runningInBuilder(): Promise<string> {
  using engine = new Engine(server.ctx.config.dockerHost)
  const label = [`io.copal.platform=${platformId(server.ctx)}`]
  const [container] = await listContainers(engine, { filters: { label } })
  const { Processes } = await engine.json<{ Processes: string[][] }>(
    'GET',
    `/containers/${container!.Id}/top`,
  )
  return Processes.map((process) => process.at(-1)).join('\n')
}

async function builderContainerId(engine: Engine): Promise<string> {
  const label = [`io.copal.platform=${platformId(server.ctx)}`]
  return (await listContainers(engine, { filters: { label } }))[0]!.Id
}

/** The address that this machine has on the builders' network. */
async function builderGateway(): Promise<string> {
  using engine = new Engine(server.ctx.config.dockerHost)
  const { IPAM } = await inspectNetwork(engine, `copal-builder-${platformId(server.ctx)}`)
  return IPAM.Config![0]!.Gateway!
}

/** What a command prints inside of the organization's builder. */
async function inBuilder(...command: string[]): Promise<string> {
  using engine = new Engine(server.ctx.config.dockerHost)
  return (await execute(engine, await builderContainerId(engine), command)).stdout
}

/** How a build ended, once it has. */
async function endOf(build: number): Promise<string> {
  const status = async () => (await sql`select status from build where id = ${build}`)[0]!.status
  await eventually('the build ends', 90, async () => !['waiting', 'running'].includes(await status()))
  return status()
}

async function eventually(what: string, seconds: number, happened: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100))
    if (await happened()) return
  throw new Error(`not within ${seconds} s: ${what}`)
}

test(
  'a project of one Dockerfile becomes a release with its log, and the fleet follows it',
  first,
  async () => {
    const files = {
      Dockerfile: 'FROM scratch\nCOPY hello /hello\n',
      hello: 'hello',
      'balena.yml': 'name: hello\nversion: 1.2.0\n',
    }
    const pushed = await push(server, 'admin/hello', archiveOf(files))
    assert.equal(pushed.error, undefined)
    assert.match(pushed.text, /^\[main\] +\[1\/1\] COPY hello \/hello$/m)
    assert.match(pushed.text, /^Release: [0-9a-f]{32} \(id: \d+\), version 1\.2\.0$/m)
    const release = await releaseRow(pushed.release!)
    assert.equal(release.status, 'success')
    assert.equal(release.build_log, pushed.text)
    assert.equal(await target(), pushed.release)
    const [image] = await sql`
    select i.* from release_image ri join image i on i.id = ri.image where ri.is_part_of__release = ${pushed.release!}`
    assert.equal(image!.status, 'success')
    assert.match(image!.content_hash, /^sha256:[0-9a-f]{64}$/)
    assert.equal(image!.project_type, 'Standard Dockerfile')
    const { phases } = (await sql`select phases from build where release = ${pushed.release!}`)[0]!
    for (const phase of ['receive', 'build', 'upload', 'finish'])
      assert.equal(typeof phases[phase], 'number', phase)
  },
)

test('FROM copal/… is made by the platform, and the second push runs only what changed', first, async () => {
  const dockerfile = `FROM copal/%%BALENA_ARCH%%-debian:trixie\nRUN echo once > /once\nCOPY main /main\n`
  const one = await push(server, 'admin/hello', archiveOf({ 'Dockerfile.template': dockerfile, main: 'one' }))
  assert.equal(one.error, undefined)
  const two = await push(server, 'admin/hello', archiveOf({ 'Dockerfile.template': dockerfile, main: 'two' }))
  assert.match(two.text, /RUN echo once > \/once · cached/)
  assert.match(two.text, /COPY main \/main$/m)
  assert.equal(await target(), two.release)
})

test(
  'several services are built side by side, and one that is only an image is kept by the platform too',
  each,
  async () => {
    const compose = `
services:
  web:
    build: web
    environment: [A=1]
  worker:
    build: { context: worker, args: { WORD: moin } }
    labels: { io.balena.features.dbus: 1 }
  plain:
    image: ${debian}
`
    const pushed = await push(
      server,
      'admin/hello',
      archiveOf({
        'docker-compose.yml': compose,
        'web/Dockerfile': 'FROM scratch\nCOPY . /\n',
        'worker/Dockerfile': `FROM ${debian}\nARG WORD\nRUN echo word is $WORD\n`,
      }),
    )
    assert.equal(pushed.error, undefined)
    assert.match(pushed.text, /^\[worker\] +word is moin$/m)
    const images = await sql`
    select s.service_name, i.status, i.project_type, r.name as repository from release_image ri join image i on i.id = ri.image
    join service s on s.id = i.is_a_build_of__service join repository r on r.name = i.location
    where ri.is_part_of__release = ${pushed.release!} order by 1`
    assert.deepEqual(
      images.map((image) => [image.service_name, image.status, image.project_type]),
      [
        ['plain', 'success', 'external service'],
        ['web', 'success', 'Standard Dockerfile'],
        ['worker', 'success', 'Standard Dockerfile'],
      ],
    )
  },
)

test(
  'a Dockerfile that fails makes a failed release with the words of what failed, and the fleet stays',
  each,
  async () => {
    const before = await target()
    const dockerfile = `FROM ${debian}\nRUN echo so far, so good; exit 7\n`
    const pushed = await push(server, 'admin/hello', archiveOf({ Dockerfile: dockerfile }))
    assert.match(pushed.error!, /^cannot build service main: .*exit code: 7/)
    assert.match(pushed.text, /^\[main\] +so far, so good$/m)
    const release = await releaseRow(pushed.release!)
    assert.equal(release.status, 'failed')
    assert.match(release.build_log, /so far, so good\n(?:.*\n)*cannot build service main/)
    const [image] = await sql`
    select i.status, i.error_message from release_image ri join image i on i.id = ri.image where ri.is_part_of__release = ${pushed.release!}`
    assert.equal(image!.status, 'failed')
    assert.match(image!.error_message, /exit code: 7/)
    assert.equal(await target(), before)
  },
)

test(
  'a compose file with an unsupported key is refused with the line, and makes no release',
  each,
  async () => {
    const compose = 'services:\n  web:\n    build: .\n    runtime: nvidia\n'
    const pushed = await push(
      server,
      'admin/hello',
      archiveOf({ 'docker-compose.yml': compose, Dockerfile: 'FROM scratch\n' }),
    )
    assert.match(pushed.error!, /docker-compose\.yml, line 4/)
    assert.match(pushed.error!, /runtime/)
    assert.equal(pushed.release, undefined)
  },
)

test('build secrets are there in every RUN and leave no trace in image, history and log', each, async () => {
  const word = 'correct-horse-battery'
  const pushed = await push(
    server,
    'admin/hello',
    archiveOf({
      Dockerfile: `FROM ${debian}\nRUN sha256sum /run/secrets/key\nRUN [ -s /run/secrets/key ] && echo there\n`,
      '.balena/balena.yml': 'build-secrets:\n  global:\n    - source: key.txt\n      dest: key\n',
      '.balena/secrets/key.txt': word,
    }),
  )
  assert.equal(pushed.error, undefined)
  assert.match(pushed.text, /there/)
  assert.doesNotMatch(pushed.text, new RegExp(word))
  const [image] = await sql`
    select i.location from release_image ri join image i on i.id = ri.image where ri.is_part_of__release = ${pushed.release!}`
  await using builder = await holdBuilder(server.ctx, 1, { say: silent, signal: AbortSignal.timeout(10_000) })
  const name = `${builder.registryHost}/${image!.location}:latest`
  let held = Buffer.alloc(0)
  for await (const chunk of await saveImages(builder.engine, [name])) {
    const bytes = Buffer.concat([held, chunk as Buffer])
    assert.equal(bytes.indexOf(word), -1)
    held = bytes.subarray(-64)
  }
})

test('ignore files never hide the Dockerfile, and a link that dangles harms nobody', each, async () => {
  const files = {
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    '.dockerignore': 'Dockerfile\nleft-out\n',
    'left-out': 'x',
    kept: 'y',
  }
  const pushed = await push(
    server,
    'admin/hello',
    archiveOf(files, { dangling: '/nowhere', out: '../../etc/passwd' }),
  )
  assert.equal(pushed.error, undefined)
})

test(
  "a syntax line is answered by the engine's own front end, and another front end is refused",
  each,
  async () => {
    // Of an address that leads nowhere: were it asked for, it would fail.
    const heredoc = 'RUN <<EOT\n  echo read by the engine\nEOT\n'
    const files = { Dockerfile: `# syntax=docker.io/docker/dockerfile:99-none\nFROM ${debian}\n${heredoc}` }
    const pushed = await push(server, 'admin/hello', archiveOf(files))
    assert.equal(pushed.error, undefined)
    assert.match(pushed.text, /read by the engine$/m)
    const foreign = archiveOf({ Dockerfile: `# syntax=example.test/front-end\nFROM ${debian}\n` })
    const refused = await push(server, 'admin/hello', foreign)
    assert.match(
      refused.error!,
      /^cannot read the Dockerfile with example\.test\/front-end \(Dockerfile, line 1/,
    )
    assert.equal(refused.release, undefined)
  },
)

test(
  'from a builder nothing of the platform is reached but its registry, whatever a Dockerfile says',
  each,
  async () => {
    const { port } = server.ctx.config
    const host = await builderGateway()
    for (const address of [
      `http://${host}:${port}/ping`,
      `https://${host}:${port}/ping`,
      `http://platform.copal.internal:${port}/ping`,
      `https://platform.copal.internal:${port}/ca.pem`,
      `http://127.0.0.1:${port}/ping`,
    ]) {
      const dockerfile = `FROM scratch\nADD ${address} /reached\n`
      const { error } = await push(server, 'admin/hello', archiveOf({ Dockerfile: dockerfile }))
      assert.match(error ?? `${address} was reached`, /^cannot build service main/)
    }
    const reach = `for a in ${host} 198.19.0.1 127.0.0.1; do
        timeout 3 bash -c "exec 3<> /dev/tcp/$a/${port}" 2> /dev/null && echo "$a reached"
      done; echo asked all; date +%N`
    const { text, error } = await push(
      server,
      'admin/hello',
      archiveOf({ Dockerfile: `FROM ${debian}\nRUN <<EOT\n${reach}\nEOT\n` }),
    )
    assert.equal(error, undefined)
    assert.match(text, /asked all$/m)
    assert.doesNotMatch(text, /reached/)

    // Whoever took over the builder itself would get no further.
    const inside = `printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$1" | openssl s_client -quiet -ign_eof \
      -connect platform.copal.internal:${port} -servername platform.copal.internal 2> /dev/null`
    assert.match(
      await inBuilder('bash', '-c', inside, 'x', '/ping'),
      /^HTTP\/1\.1 403 .*nothing else of the platform/s,
    )
    assert.match(await inBuilder('bash', '-c', inside, 'x', '/v2/'), /^HTTP\/1\.1 401 /)
    const straight = await inBuilder(
      'bash',
      '-c',
      `timeout 3 bash -c 'exec 3<> /dev/tcp/${host}/${port}' || echo refused`,
    )
    assert.match(straight, /refused\n$/)
  },
)

test('an image for another processor is refused before it is uploaded', each, async () => {
  await seedFleet(server, 'boards', arch === 'amd64' ? 'aarch64' : 'amd64')
  const pushed = await push(
    server,
    'admin/boards',
    archiveOf({ Dockerfile: `FROM ${debian}\nCOPY Dockerfile /\n` }),
  )
  assert.match(pushed.error!, /^cannot (?:use the image of|build) service main/)
  assert.equal((await releaseRow(pushed.release!)).status, 'failed')
})

test('a build whose pusher hangs up is cancelled, in the builder too', each, async () => {
  const gone = new AbortController()
  let release = 0
  const dockerfile = `FROM ${debian}\nRUN echo begun $(date +%N); exec sleep 123\n`
  const pushing = push(server, 'admin/hello', archiveOf({ Dockerfile: dockerfile }), {
    signal: gone.signal,
    onLine({ message, value }) {
      release = Number(value ?? release)
      if (/begun \d/.test(message)) gone.abort()
    },
  })
  await assert.rejects(pushing)
  await eventually('cancelled', 10, async () => (await releaseRow(release)).status === 'cancelled')
  await eventually('stopped', 10, async () => !(await runningInBuilder()).includes('sleep 123'))
})

test('a build that is cancelled on another copy stops, and success never overwrites it', each, async () => {
  const dockerfile = `FROM ${debian}\nRUN echo begun $(date +%N); exec sleep 124\n`
  let release = 0
  const pushed = await push(server, 'admin/hello', archiveOf({ Dockerfile: dockerfile }), {
    onLine({ message, value }) {
      release = Number(value ?? release)
      if (/begun \d/.test(message)) void cancelRelease(server.ctx, release)
    },
  })
  assert.match(pushed.error!, /the build was cancelled/)
  assert.equal((await releaseRow(release)).status, 'cancelled')
  await eventually('stopped', 10, async () => !(await runningInBuilder()).includes('sleep 124'))
})

test('a build waits its turn and shows its place', each, async () => {
  const slow = push(
    server,
    'admin/hello',
    archiveOf({ Dockerfile: `FROM ${debian}\nRUN sleep 3; date +%N\n` }),
  )
  await sleep(800)
  const quick = await push(
    server,
    'admin/hello',
    archiveOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' }),
  )
  assert.match(quick.text, /^waiting for a builder, 1 build before yours$/m)
  assert.equal(quick.error, undefined)
  assert.equal((await slow).error, undefined)
})

test(
  'a build without a pusher says its release at once, goes on, and can be followed to its end',
  each,
  async () => {
    const dockerfile = `FROM ${debian}\nRUN echo hello followers; sleep 1; date +%N\n`
    const body = new Uint8Array(archiveOf({ Dockerfile: dockerfile }))
    const answer = await fetch(`${server.url}/v3/build?slug=admin/hello&headless=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${server.token}` },
      body,
    })
    const { started, releaseId } = (await answer.json()) as { started: boolean; releaseId: number }
    assert.equal(started, true)
    assert.equal((await releaseRow(releaseId)).status, 'running')
    const { builds } = await server.call('GET', '/builds/v1?fleet=admin/hello&limit=1')
    assert.equal(builds[0].release, releaseId)
    const followed = await fetch(`${server.url}/builds/v1/${builds[0].id}/log`, {
      headers: { Authorization: `Bearer ${server.token}` },
    })
    const lines = (await followed.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.ok(lines.some(({ line }) => /hello followers$/.test(line)))
    assert.deepEqual(lines.at(-1), { status: 'success' })
    assert.equal((await releaseRow(releaseId)).status, 'success')
    const again = await fetch(`${server.url}/builds/v1/${builds[0].id}/log`, {
      headers: { Authorization: `Bearer ${server.token}` },
    })
    assert.deepEqual(
      (await again.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
      lines,
    )
  },
)

test('old images lose their names in the builder, and the next push works as before', each, async () => {
  for (const word of ['a', 'b', 'c'])
    await push(server, 'admin/hello', archiveOf({ Dockerfile: 'FROM scratch\nCOPY word /\n', word }))
  await using builder = await holdBuilder(server.ctx, 1, { say: silent, signal: AbortSignal.timeout(60_000) })
  await tidyBuilder(server.ctx, 1, builder.engine)
  const names = (await listImages(builder.engine)).flatMap(({ RepoTags }) => RepoTags ?? [])
  assert.equal(names.filter((name) => name.includes('/v2/')).length, 2)
  assert.ok(names.includes(debian))
  const again = await push(server, 'admin/hello', archiveOf({ Dockerfile: `FROM ${debian}\nRUN date\n` }))
  assert.equal(again.error, undefined)
})

test('tidying in the middle of a build takes nothing away that it needs', each, async () => {
  const begun = Promise.withResolvers<void>()
  const base = { Dockerfile: 'FROM scratch\nCOPY word /\n', word: 'needed' }
  await push(server, 'admin/hello', archiveOf(base))
  const dockerfile = `FROM ${debian} AS early\nRUN echo begun $(date +%N); sleep 3; echo early > /early\nFROM ${debian}\nCOPY --from=early /early /early\n`
  const pushing = push(server, 'admin/hello', archiveOf({ Dockerfile: dockerfile }), {
    onLine: ({ message }) => /begun \d/.test(message) && begun.resolve(),
  })
  await Promise.race([begun.promise, pushing])
  await using builder = await holdBuilder(server.ctx, 1, { say: silent, signal: AbortSignal.timeout(60_000) })
  await Promise.all([
    pushing.then(({ error }) => assert.equal(error, undefined)),
    (async () => {
      for (let times = 0; times < 20; times++) {
        await tidyBuilder(server.ctx, 1, builder.engine)
        await builder.engine.json('POST', '/build/prune', { query: { all: 'true' } })
        await sleep(200)
      }
    })(),
  ])
})

test(
  'git push builds: lines come as they are printed, and a failed build leaves the branch where it was',
  each,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copal-push-'))
    try {
      const remote = `${server.url.replace('://', `://admin:${server.token}@`)}/git/admin/hello.git`
      const { git, commit } = await newClone(folder, remote)
      const good = await commit('Dockerfile', `FROM ${debian}\nRUN echo built by git\n`)
      const pushed = await git('push', 'copal', 'main')
      assert.equal(pushed.code, 0, pushed.output)
      assert.match(pushed.output, /^remote: \[main\] +built by git/m)
      const [release] = await sql`select id, status from release where commit = ${good}`
      assert.equal(release!.status, 'success')
      assert.equal(await target(), release!.id)

      const bad = await commit('Dockerfile', `FROM ${debian}\nRUN exit 9\n`)
      const refused = await git('push', 'copal', 'main')
      assert.notEqual(refused.code, 0)
      assert.match(refused.output, /^remote: cannot build service main: .*exit code: 9/m)
      assert.match((await git('ls-remote', 'copal')).output, new RegExp(`^${good}\\trefs/heads/main$`, 'm'))
      assert.equal((await sql`select status from release where commit = ${bad}`)[0]!.status, 'failed')

      // The same commit once more, into a release of its own that the fleet follows.
      const build = await server.call('POST', '/builds/v1', { rebuild: release!.id })
      assert.equal(await endOf(build.id), 'success')
      const [again] = await sql`
        select r.id, r.commit, r.build_log, t.value as "sourceCommit" from build b join release r on r.id = b.release
        join release_tag t on t.release = r.id and t.tag_key = 'source-commit' where b.id = ${build.id}`
      assert.equal(again!.sourceCommit, good)
      assert.match(again!.commit, /^[0-9a-f]{40}$/)
      assert.notEqual(again!.commit, good)
      assert.match(again!.build_log, /RUN echo built by git · cached/)
      assert.equal(await target(), again!.id)
      const third = await server.call('POST', '/builds/v1', {
        rebuild: again!.id,
        nocache: true,
        draft: true,
      })
      assert.equal(await endOf(third.id), 'success')
      assert.equal(await target(), again!.id)

      // A submodule that the build needs: named where people look, at the head of the log and at its end.
      await mkdir(join(folder, 'libs/x'), { recursive: true })
      await git('update-index', '--add', '--cacheinfo', `160000,${good},libs/x`)
      await writeFile(
        join(folder, '.gitmodules'),
        '[submodule "x"]\n\tpath = libs/x\n\turl = git://example.test/x\n',
      )
      const needy = await commit('Dockerfile', `FROM ${debian}\nCOPY libs/x/main /\n`)
      assert.notEqual((await git('push', 'copal', 'main')).code, 0)
      const [failed] = await sql`select build_log from release where commit = ${needy}`
      const note =
        'Submodule libs/x (git://example.test/x) is not part of the push: its folder is empty in the build.'
      const lines = failed!.build_log.trim().split('\n')
      assert.equal(lines[0], note)
      assert.equal(lines.at(-2), note)
      assert.match(lines.at(-1), /^cannot build service main/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test('a build without a pusher is built to its end when its copy of the server is killed', each, async () => {
  const { ctx, token } = server
  const folder = await mkdtemp(join(tmpdir(), 'copal-copy-'))
  const port = ctx.config.port + 1
  const copy = spawn(process.execPath, [fileURLToPath(new URL('test-copy.ts', import.meta.url))], {
    env: {
      ...process.env,
      COPAL_PORT: String(port),
      COPAL_DATA_DIR: folder,
      COPAL_BLOBS: ctx.config.blobs,
      COPAL_DATABASE_URL: ctx.config.databaseUrl,
      COPAL_SECRET: ctx.config.secret,
      COPAL_BUILD_DISK: '3G',
      COPAL_BUILD_MEMORY: '2G',
      COPAL_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(copy.stdout, 'data')
    const dockerfile = `FROM ${debian}\nRUN echo begun; sleep 6; date +%N\nCOPY word /\n`
    const answer = await fetch(`http://127.0.0.1:${port}/v3/build?slug=admin/hello&headless=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: new Uint8Array(archiveOf({ Dockerfile: dockerfile, word: 'kept' })),
    })
    const { releaseId } = (await answer.json()) as { releaseId: number }
    const [build] = await sql`select id, copy from build where release = ${releaseId}`
    const printed = async () =>
      (await sql`select string_agg(lines, '') as text from build_log where build = ${build!.id}`)[0]!
    await eventually('begun', 60, async () => /\] +begun$/m.test((await printed()).text ?? ''))
    copy.kill('SIGKILL')
    await once(copy, 'exit')
    await sql`update copy set lease_until = now() where id = ${build!.copy}`
    await sweepBuilds(ctx)
    assert.equal(await endOf(build!.id), 'success')
    const release = await releaseRow(releaseId)
    assert.equal(release.status, 'success')
    assert.match(release.build_log, /begun\n[^]*starting again \(try 2 of 3\)\n[^]*begun\n[^]*Release: /)
    assert.equal(await target(), releaseId)
  } finally {
    copy.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
})

test(
  'a platform that is stopped ends its builds as interrupted, and takes its builders with it',
  each,
  async () => {
    const other = await buildingServer()
    await seedFleet(other, 'hello', arch)
    const begun = Promise.withResolvers<void>()
    const dockerfile = `FROM ${debian}\nRUN echo begun $(date +%N); exec sleep 125\n`
    const pushing = push(other, 'admin/hello', archiveOf({ Dockerfile: dockerfile }), {
      onLine: ({ message }) => /begun \d/.test(message) && begun.resolve(),
    })
    await Promise.race([begun.promise, pushing])
    using engine = new Engine(server.ctx.config.dockerHost)
    const label = [`io.copal.platform=${platformId(other.ctx)}`]
    const stopped = other[Symbol.asyncDispose]()
    assert.match((await pushing).error!, /the platform is being stopped/)
    await stopped
    assert.deepEqual(await listContainers(engine, { filters: { label } }), [])
    assert.deepEqual(await listNetworks(engine, { name: [`copal-builder-${platformId(other.ctx)}`] }), [])
  },
)
