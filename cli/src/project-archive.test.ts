import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { archive, findFiles } from './project-archive.ts'

async function project(files: Record<string, string>): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'copal-project-'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

const pathsIn = async (folder: string) => (await findFiles(folder)).map(({ path }) => path).toSorted()

interface Entry {
  type: string | null | undefined
  mode: number | undefined
  link: string | null | undefined
  content: string
}

async function unpacked(folder: string): Promise<{ entries: Record<string, Entry>; counted: number }> {
  let counted = 0
  const entries: Record<string, Entry> = {}
  const tar = archive(folder, await findFiles(folder), (count) => (counted += count))
    .pipe(createGunzip())
    .pipe(extract())
  for await (const entry of tar) {
    const { name, type, mode, linkname } = entry.header
    let content = ''
    for await (const chunk of entry) content += chunk
    entries[name] = { type, mode, link: linkname, content }
  }
  return { entries, counted }
}

test('files arrive with content and mode, links as links wherever they point', async () => {
  await using at = await project({ 'run.sh': '#!/bin/sh\n', 'src/a.txt': 'a'.repeat(100_000), empty: '' })
  await chmod(join(at.folder, 'run.sh'), 0o755)
  await chmod(join(at.folder, 'src/a.txt'), 0o640)
  await symlink('../../outside', join(at.folder, 'src/link'))
  await symlink('src', join(at.folder, 'folder-link'))
  const { entries, counted } = await unpacked(at.folder)
  assert.deepEqual(Object.keys(entries).toSorted(), [
    'empty',
    'folder-link',
    'run.sh',
    'src/a.txt',
    'src/link',
  ])
  assert.equal(entries['run.sh']!.mode, 0o755)
  assert.equal(entries['src/a.txt']!.mode, 0o640)
  assert.equal(entries['src/a.txt']!.content.length, 100_000)
  assert.deepEqual([entries['src/link']!.type, entries['src/link']!.link], ['symlink', '../../outside'])
  assert.equal(entries['folder-link']!.type, 'symlink')
  assert.equal(counted, 100_010)
})

test('names that are long or not ASCII arrive', async () => {
  const long = `${'d'.repeat(90)}/${'f'.repeat(120)}`
  await using at = await project({ [long]: 'x', 'straße/日本.txt': 'y' })
  assert.deepEqual(Object.keys((await unpacked(at.folder)).entries).toSorted(), [long, 'straße/日本.txt'])
})

test('.git is never sent, neither as a folder nor as a file, at any depth', async () => {
  await using at = await project({
    Dockerfile: '',
    '.git/config': 'secret',
    'vendor/lib/.git': 'gitdir: ../..',
    '.gitignore': '',
  })
  assert.deepEqual(await pathsIn(at.folder), ['.gitignore', 'Dockerfile'])
})

test('.dockerignore spares the upload of a project with one Dockerfile', async () => {
  await using at = await project({
    Dockerfile: '',
    '.dockerignore': 'node_modules\n*.log\n!keep.log\nDockerfile\n',
    'node_modules/x/index.js': '',
    'a.log': '',
    'keep.log': '',
    'src/a.js': '',
    '.balena/balena.yml': '',
  })
  assert.deepEqual(await pathsIn(at.folder), [
    '.balena/balena.yml',
    '.dockerignore',
    'Dockerfile',
    'keep.log',
    'src/a.js',
  ])
})

test('with a compose file, or an ignore file of the Dockerfile itself, the builder decides and all is sent', async () => {
  for (const other of ['docker-compose.yml', 'docker-compose.yaml', 'Dockerfile.dockerignore']) {
    await using at = await project({ Dockerfile: '', '.dockerignore': '*.log\n', 'a.log': '', [other]: '' })
    assert.ok((await pathsIn(at.folder)).includes('a.log'), other)
  }
})

test('a file that shrinks meanwhile breaks the upload off', async () => {
  await using at = await project({ data: 'x'.repeat(1000) })
  const files = await findFiles(at.folder)
  await writeFile(join(at.folder, 'data'), 'x')
  await assert.rejects(async () => {
    for await (const _ of archive(at.folder, files, () => {}));
  })
})
