import type { Command } from 'commander'
import { statSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { findFleet } from '../find.ts'
import { ask, refusal, send } from '../http.ts'
import { text } from 'node:stream/consumers'
import { elementsOf } from '../json-array.ts'
import { colourful, printJson, remark } from '../output.ts'
import { assignment } from '../options.ts'
import { Problem } from '../problem.ts'
import { archive, findFiles } from '../project-archive.ts'
import { progressBar } from '../progress.ts'
import { readSettings, type Settings } from '../settings.ts'

interface Options {
  source: string
  dockerfile?: string
  cache: boolean
  draft?: boolean
  detached?: boolean
  note?: string
  releaseTag?: [string, string][]
}

export function pushCommand(program: Command): void {
  program
    .command('push <fleet>')
    .description('upload a folder to the builder and make a release of it')
    .option('-s, --source <folder>', 'the project', '.')
    .option('--dockerfile <path>', 'use this Dockerfile')
    .option('--no-cache', 'build every step anew')
    .option('--draft', 'make a draft, which no fleet follows until it is finalized')
    .option('-d, --detached', 'do not wait for the build')
    .option('--note <text>', 'a note on the release')
    .option('--release-tag <key=value...>', 'tags on the release', collectTags)
    .action(push)
}

async function push(name: string, options: Options): Promise<void> {
  const settings = readSettings()
  const folder = resolve(options.source)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Problem(`cannot push ${folder}: there is no such folder`)
  const [fleet, files] = [await findFleet(settings, name), await findFiles(folder)]
  if (files.length === 0)
    throw new Problem(`cannot push ${folder}: it holds no files, or .dockerignore leaves none`)

  const bar = progressBar(
    'Uploading',
    files.reduce((sum, file) => sum + file.size, 0),
  )
  const query = new URLSearchParams({
    slug: fleet.slug,
    dockerfilePath: options.dockerfile ?? '',
    emulated: 'false',
    nocache: String(!options.cache),
    headless: String(Boolean(options.detached)),
    isdraft: String(Boolean(options.draft)),
  })
  const stop = new AbortController()
  let release: number | undefined
  process.once('SIGINT', () => {
    bar.done()
    remark('Cancelling the build …')
    void cancel(settings, release).finally(() => stop.abort())
  })
  try {
    const answer = await send(settings, `/v3/build?${query}`, {
      body: archive(folder, files, (count) => bar.add(count)),
      headers: { 'Content-Encoding': 'gzip' },
      signal: stop.signal,
    })
    if (answer.statusCode! >= 400) throw refusal(answer.statusCode!, await text(answer))
    if (options.detached) release = await started(answer)
    else await follow(answer, bar, (id) => (release = id))
  } catch (error) {
    if (stop.signal.aborted) throw new Problem('The push was cancelled; nothing on the devices changes.', 130)
    throw error
  } finally {
    bar.done()
  }
  if (release) await annotate(settings, release, options)
}

async function started(answer: IncomingMessage): Promise<number> {
  const said: { started: boolean; releaseId: number; message?: string } = JSON.parse(await text(answer))
  if (!said.started) throw new Problem(said.message ?? 'cannot start the build')
  printJson(said)
  return said.releaseId
}

interface BuildLine {
  message?: string
  replace?: boolean
  isError?: boolean
  type?: string
  resource?: string
  value?: unknown
}

/** Prints the build's lines to its end; `onRelease` hears the release's id as soon as it has one. */
async function follow(
  answer: IncomingMessage,
  bar: { done(): void },
  onRelease: (id: number) => void,
): Promise<void> {
  let failed = false
  for await (const element of elementsOf(answer)) {
    bar.done()
    const line = element as BuildLine
    if (line.type === 'metadata') {
      if (line.resource === 'buildLogId') onRelease(Number(line.value))
      continue
    }
    failed ||= Boolean(line.isError)
    print(line)
  }
  if (failed) throw new Problem('The build failed; nothing on the devices changes.')
}

function print({ message, replace }: { message?: string; replace?: boolean }): void {
  if (message === undefined) return
  const line = colourful(message.replace(/\n$/, ''))
  if (!process.stdout.isTTY) {
    if (!replace) process.stdout.write(`${line}\n`)
  } else process.stdout.write(`\r\u001b[K${line}${replace ? '' : '\n'}`)
}

async function annotate(settings: Settings, release: number, options: Options): Promise<void> {
  for (const [tag_key, value] of options.releaseTag ?? [])
    await ask(settings, '/v7/release_tag', { body: { release, tag_key, value } })
  if (options.note)
    await ask(settings, `/v7/release(${release})`, { method: 'PATCH', body: { note: options.note } })
}

/** Ctrl-C: the build ends as cancelled, also where the connection lives on in a proxy. */
async function cancel(settings: Settings, release: number | undefined): Promise<void> {
  if (!release) return
  const body = { status: 'cancelled', end_timestamp: Date.now() }
  await ask(settings, `/v7/release(${release})?$filter=status%20ne%20'success'`, {
    method: 'PATCH',
    body,
  }).catch(() => {})
}

const collectTags = (text: string, before: [string, string][] = []) => [...before, assignment(text)]
