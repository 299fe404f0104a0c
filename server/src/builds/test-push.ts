// For tests only: a platform that builds, and pushes to it as clients make them.
import { gzipSync } from 'node:zlib'
import type { ProjectFiles } from '@copal/compose/project-files.ts'
import { removeContainer } from '@copal/engine/containers.ts'
import { Engine } from '@copal/engine/engine.ts'
import { listVolumes, removeVolume } from '@copal/engine/volumes.ts'
import { testServer, type TestServer } from '../test-server.ts'
import { platformId } from './builders.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-write.ts'

/** A platform whose builders can reach it; they are gone, with all they kept, when it is disposed of. */
export async function buildingServer(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await testServer({
    COPAL_HOST: '0.0.0.0',
    COPAL_BUILD_DISK: '3G',
    COPAL_BUILD_MEMORY: '2G',
    ...(process.env.DOCKER_HOST && { COPAL_DOCKER_HOST: process.env.DOCKER_HOST }),
    ...settings,
  })
  const id = platformId(server.ctx)
  const stop = server[Symbol.asyncDispose]
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await stop()
      using engine = new Engine(server.ctx.config.dockerHost)
      for (const { Name } of await listVolumes(engine, { name: [`copal-builder-${id}-`] })) {
        await removeContainer(engine, Name, { force: true }).catch(() => {})
        await removeVolume(engine, Name, true).catch(() => {})
      }
    },
  }
}

/** A fleet of the administrator's organization, for this machine's own processor. @returns its id */
export async function seedFleet(
  { ctx }: TestServer,
  name: string,
  arch = 'amd64',
  deviceType?: string,
): Promise<number> {
  const [row] = await ctx.db.sql<{ id: number }[]>`
    with a as (insert into actor default values returning id)
    insert into application (actor, uuid, organization, app_name, slug, is_for__device_type, application_type)
    select a.id, md5(random()::text), o.id, ${name}, ${`admin/${name}`},
      (select min(dt.id) from device_type dt join cpu_architecture ca on ca.id = dt.is_of__cpu_architecture where ca.slug = ${arch} and dt.slug = coalesce(${deviceType ?? null}, dt.slug)),
      (select min(id) from application_type)
    from a, organization o where o.handle = 'admin' returning id`
  return row!.id
}

/** A gzip archive of these files, and of links by their targets. */
export function archiveOf(
  files: Record<string, string | Buffer>,
  links: Record<string, string> = {},
): Buffer {
  const parts = Object.entries(files).map(([path, content]): Buffer => {
    const body = Buffer.from(content as string)
    const header = tarHeader({ path, type: 'file', mode: 0o644, size: body.length, mtime: 0 })
    return Buffer.concat([header, body, tarPadding(body.length)])
  })
  for (const [path, linkTarget] of Object.entries(links))
    parts.push(tarHeader({ path, type: 'link', mode: 0o777, size: 0, mtime: 0, linkTarget }))
  return gzipSync(Buffer.concat([...parts, tarEnd]))
}

/** The same of a project as it lies somewhere, with modes and links. */
export async function archiveOfProject(project: ProjectFiles): Promise<Buffer> {
  const parts: Buffer[] = []
  for (const entry of project.list()) {
    const content = entry.type === 'file' ? await project.read(entry.path)! : Buffer.alloc(0)
    parts.push(tarHeader({ ...entry, size: content.length, mtime: 0 }), content, tarPadding(content.length))
  }
  return gzipSync(Buffer.concat([...parts, tarEnd]))
}

export interface Pushed {
  release: number | undefined
  /** All lines, one a line. */
  text: string
  /** The line that said how it failed. */
  error: string | undefined
}

/** `POST /v3/build`, read to its end. `onLine` hears each element when it comes. */
export async function push(
  server: TestServer,
  slug: string,
  body: Buffer,
  options: { query?: Record<string, string>; signal?: AbortSignal; onLine?(element: any): void } = {},
): Promise<Pushed> {
  const query = new URLSearchParams({ slug, dockerfilePath: '', headless: 'false', ...options.query })
  const response = await fetch(`${server.url}/v3/build?${query}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${server.token}`, 'Content-Encoding': 'gzip' },
    body: new Uint8Array(body),
    ...(options.signal && { signal: options.signal }),
  })
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  const pushed: Pushed = { release: undefined, text: '', error: undefined }
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true })
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines) hear(line)
  }
  hear(text)
  return pushed

  function hear(line: string): void {
    const json = line
      .replace(/^[[,]/, '')
      .replace(/^\]$/, '')
      .trim()
      .replace(/^\[/, '')
      .replace(/[,\]]$/, '')
    if (json === '') return
    const element = JSON.parse(json)
    options.onLine?.(element)
    if (element.resource === 'buildLogId') pushed.release = Number(element.value)
    else if (element.isError) pushed.error = element.message
    else if (!element.replace) pushed.text += `${element.message}\n`
  }
}
