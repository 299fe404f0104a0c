// For tests only: a fleet's git remote with a build that is a function, and the genuine git client.
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Context } from '../context.ts'
import type { TestServer } from '../test-server.ts'
import type { BuildPush, Push } from './push.ts'
import { gitRoute } from './routes.ts'

/** Makes the release as a builder would, in one transaction with the branch. */
export const release = async (ctx: Context, push: Push): Promise<void> => {
  await ctx.db.transaction(async (tx) => {
    const [made] = await tx.sql<{ id: number }[]>`
      insert into release (belongs_to__application, commit, status, start_timestamp)
      values (${push.application.id}, ${push.commit}, 'success', ${ctx.now()}) returning id`
    await tx.sql`update application set should_be_running__release = ${made!.id} where id = ${push.application.id}`
    await push.also(tx)
  })
}

/** A build that succeeds at once. */
export const succeed: BuildPush = async (ctx, push) => {
  push.say(`Building ${push.sourceCommit}`)
  await release(ctx, push)
}

export async function makeFleet(
  ctx: Context,
  organization: string,
  name: string,
): Promise<{ id: number; uuid: string }> {
  await ctx.db.sql`
    insert into cpu_architecture (slug) values ('amd64') on conflict do nothing`
  await ctx.db.sql`
    insert into device_type (slug, name, is_of__cpu_architecture)
    select 'test-board', 'Test board', id from cpu_architecture where slug = 'amd64' on conflict do nothing`
  const [made] = await ctx.db.sql<{ id: number; uuid: string }[]>`
    with a as (insert into actor default values returning id)
    insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type)
    select a.id, replace(gen_random_uuid()::text, '-', ''), o.id, ${name}, ${`${organization}/${name}`}, d.id, t.id
    from a, organization o, device_type d, application_type t
    where o.handle = ${organization} and d.slug = 'test-board' and t.slug = 'default'
    returning id, uuid`
  return made!
}

export interface Outcome {
  code: number
  /** Standard output and error together, as a terminal shows them. */
  output: string
}

export interface Clone {
  folder: string
  /** Runs git there; never rejects. `-c` options may come first. */
  git(...args: string[]): Promise<Outcome>
  /** The same, to be killed by `signal`, or listened to while it runs. */
  start(args: string[], signal?: AbortSignal, heard?: (output: string) => void): Promise<Outcome>
  /** The same with something on its standard input. */
  write(args: string[], input: string): Promise<Outcome>
  /** Writes a file, commits all there is, and gives the commit. */
  commit(path: string, content: string): Promise<string>
}

interface Run {
  signal?: AbortSignal | undefined
  /** Called with all output so far. */
  heard?: ((output: string) => void) | undefined
  input?: string
}

/** The genuine client with no configuration but what a test gives, so that one machine's is as good as another's. */
export function runClient(
  folder: string,
  args: string[],
  { signal, heard, input }: Run = {},
): Promise<Outcome> {
  const child = spawn('git', args, {
    cwd: folder,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // A group of its own: git push is several programs, and a person's Ctrl-C reaches them all.
    detached: true,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.test',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.test',
    },
  })
  signal?.addEventListener('abort', () => process.kill(-child.pid!, 'SIGKILL'))
  child.stdin?.end(input)
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      heard?.(output)
    })
  return new Promise((done) => child.once('close', (code) => done({ code: code ?? 1, output })))
}

let fleets = 0

export interface Remote extends AsyncDisposable {
  ctx: Context
  fleet: { id: number; uuid: string }
  /** With the administrator's session token in it. */
  address: string
  /** `http://127.0.0.1:<port>`, where only git is served. */
  url: string
  token: string
  /** What every push is built with, from now on. */
  build: BuildPush
  /** A folder that goes with the remote. */
  folder(): Promise<string>
  /** A fresh repository with the branch `main`, one commit and the remote `copal`. */
  clone(): Promise<Clone>
  refs(): Promise<Record<string, string>>
  /** Deletes all that git keeps on this server's disk. */
  forgetCache(): Promise<void>
  /** Commits of successful releases, oldest first. */
  releases(): Promise<string[]>
}

/** A fresh fleet on a server, and a door for git that builds with a function. */
export async function testRemote(server: TestServer): Promise<Remote> {
  await using starting = new AsyncDisposableStack()
  const { ctx, token } = server
  const name = `robots-${++fleets}`
  const fleet = await makeFleet(ctx, 'admin', name)
  const remote = { build: succeed }
  const { url } = starting.use(await serveGit(ctx, (ctx, push) => remote.build(ctx, push)))
  const folders = await mkdtemp(join(tmpdir(), 'copal-git-'))
  starting.defer(() => rm(folders, { recursive: true, force: true }))
  const address = `${url.replace('//', `//admin:${token}@`)}/git/admin/${name}.git`
  const parts = starting.move()
  const folder = () => mkdtemp(join(folders, 'c'))
  return Object.assign(remote, {
    ctx,
    fleet,
    address,
    url,
    token,
    folder,
    async clone() {
      const made = await newClone(await folder(), address)
      await made.commit('Dockerfile', 'FROM scratch\n')
      return made
    },
    async refs() {
      const rows = await ctx.db.sql<{ name: string; object: string }[]>`
        select name, object from git_ref where application = ${fleet.id} order by name`
      return Object.fromEntries(rows.map(({ name, object }) => [name, object]))
    },
    async releases() {
      const rows = await ctx.db.sql<{ commit: string }[]>`
        select commit from release where belongs_to__application = ${fleet.id} and status = 'success' order by id`
      return rows.map(({ commit }) => commit)
    },
    forgetCache: () => rm(join(ctx.config.dataDir, 'git'), { recursive: true }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  })
}

/** Serves git alone on a free port of the loopback. */
export async function serveGit(ctx: Context, build: BuildPush): Promise<{ url: string } & AsyncDisposable> {
  const route = gitRoute(ctx, build)
  const server = createServer((request, response) => route.handle(request, response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}

/** A repository in an empty folder, whose remote `copal` is `address`. */
export async function newClone(folder: string, address: string): Promise<Clone> {
  const git = (...args: string[]) => runClient(folder, args)
  await git('init', '-q', '-b', 'main')
  await git('remote', 'add', 'copal', address)
  return {
    folder,
    git,
    start: (args, signal, heard) => runClient(folder, args, { signal, heard }),
    write: (args, input) => runClient(folder, args, { input }),
    commit: (path, content) => commitFile(folder, path, content),
  }
}

async function commitFile(folder: string, path: string, content: string): Promise<string> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
  await runClient(folder, ['add', '-A'])
  await runClient(folder, ['commit', '-q', '-m', path])
  return (await runClient(folder, ['rev-parse', 'HEAD'])).output.trim()
}
