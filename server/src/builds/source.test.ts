import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Problem } from '../problems.ts'
import { readTar, sizeText } from './source.ts'
import { tarEnd, tarHeader, tarPadding, type TarHeader } from './tar-write.ts'

const folder = await mkdtemp(join(tmpdir(), 'copal-source-'))
after(() => rm(folder, { recursive: true, force: true }))

type Piece = Partial<TarHeader> & { path: string; content?: string }

function tar(pieces: Piece[], end: Buffer = tarEnd): Buffer {
  const parts = pieces.map(({ content = '', ...entry }) => {
    const body = Buffer.from(content)
    const header = { type: 'file', mode: 0o644, mtime: 5, size: body.length, ...entry } as const
    return Buffer.concat([tarHeader(header), body, tarPadding(body.length)])
  })
  return Buffer.concat([...parts, end])
}

/** Changes the kind of an archive's first entry, and makes its checksum right again. */
function withKind(archive: Buffer, kind: string): Buffer {
  const changed = Buffer.from(archive)
  const difference = kind.charCodeAt(0) - changed[156]!
  const sum = parseInt(changed.toString('latin1', 148, 154), 8) + difference
  changed.write(kind, 156)
  changed.write(sum.toString(8).padStart(6, '0'), 148)
  return changed
}

const read = (archive: Buffer, bytes = 10_000_000, pieceBytes = 700) =>
  readTar(Readable.from(pieces(archive, pieceBytes), { objectMode: false }), { bytes, folder })

function* pieces(archive: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < archive.length; at += bytes) yield archive.subarray(at, at + bytes)
}

const refusal = async (archive: Buffer, bytes?: number): Promise<string> => {
  try {
    await read(archive, bytes)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.match(error.message, /^cannot /)
    return error.message
  }
  throw new Error('it was taken')
}

const long = `${'deep/'.repeat(40)}file.txt`
const project: Piece[] = [
  { path: 'Dockerfile', content: 'FROM scratch\n' },
  { path: './bin/run.sh', content: '#!/bin/sh\n', mode: 0o755 },
  { path: 'src/', type: 'directory', mode: 0o755 },
  { path: 'dangling', type: 'link', mode: 0o777, linkTarget: '/nowhere/at/all' },
  { path: 'out', type: 'link', mode: 0o777, linkTarget: '../../etc/passwd' },
  { path: long, content: 'ü'.repeat(600) },
  { path: 'große Datei', content: '' },
]

test('files, modes, links and long names come out as they went in, from gzip and from plain tar', async () => {
  for (const archive of [tar(project), gzipSync(tar(project))]) {
    await using source = await read(archive)
    const entries = new Map([...source.list()].map((entry) => [entry.path, entry]))
    assert.equal(entries.get('bin/run.sh')!.mode, 0o755)
    assert.equal(entries.get('dangling')!.linkTarget, '/nowhere/at/all')
    assert.equal(entries.get('out')!.type, 'link')
    assert.equal((await source.read(long))!.toString(), 'ü'.repeat(600))
    assert.equal(source.read('out'), undefined)
    await using again = await readTar(
      source.pack((entry) => entry.path),
      { bytes: 1e6, folder },
    )
    assert.deepEqual(
      [...again.list()].map(({ path, type, mode }) => ({ path, type, mode })),
      [...source.list()].map(({ path, type, mode }) => ({ path, type, mode })),
    )
    assert.equal((await again.read(long))!.toString(), 'ü'.repeat(600))
  }
})

test('what git archive writes is read, with its global header', async () => {
  const { execFileSync } = await import('node:child_process')
  const repository = await mkdtemp(join(folder, 'git-'))
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      cwd: repository,
      maxBuffer: 1e8,
    })
  git('init', '-q')
  execFileSync(
    'sh',
    [
      '-c',
      `mkdir -p ${'a/'.repeat(70)} && echo x > ${'a/'.repeat(70)}x && ln -s ../up l && touch run && chmod +x run`,
    ],
    { cwd: repository },
  )
  git('add', '.')
  git('commit', '-qm', 'one')
  await using source = await read(git('archive', 'HEAD'))
  const entries = [...source.list()].filter(({ type }) => type !== 'directory')
  assert.deepEqual(entries.map(({ type }) => type).sort(), ['file', 'file', 'link'])
  assert.equal(entries.find(({ path }) => path === 'run')!.mode & 0o111, 0o111)
})

test('a pack leaves out, renames and replaces', async () => {
  await using source = await read(tar(project))
  const pack = source.pack(
    (entry) =>
      entry.path.startsWith('bin/')
        ? entry.path.slice(4)
        : entry.path === 'Dockerfile'
          ? 'Dockerfile'
          : undefined,
    [{ path: 'Dockerfile', content: Buffer.from('FROM other\n') }],
  )
  await using again = await readTar(pack, { bytes: 1e6, folder })
  assert.deepEqual(
    [...again.list()].map(({ path }) => path),
    ['run.sh', 'Dockerfile'],
  )
  assert.equal((await again.read('Dockerfile'))!.toString(), 'FROM other\n')
})

test('a path that climbs out of the archive or is absolute is refused', async () => {
  assert.match(await refusal(tar([{ path: '../evil', content: 'x' }])), /\.\.\/evil: its path climbs out/)
  assert.match(await refusal(tar([{ path: 'a/../../evil', content: 'x' }])), /climbs out/)
  assert.match(
    await refusal(tar([{ path: '/etc/passwd', content: 'x' }])),
    /\/etc\/passwd: its path is absolute/,
  )
  assert.match(await refusal(tar([{ path: `${'x/'.repeat(60)}../../y`, content: 'x' }])), /climbs out/)
})

test('a file that lies behind a link is refused, and so is a hard link out of the archive', async () => {
  const behind = tar([
    { path: 'l', type: 'link', linkTarget: '/etc' },
    { path: 'l/passwd', content: 'x' },
  ])
  assert.match(await refusal(behind), /l\/passwd: l is a link and no folder/)
  assert.match(
    await refusal(
      tar([
        { path: 'a/b', content: '1' },
        { path: 'a', content: '2' },
      ]),
    ),
    /a is a file and no folder/,
  )
  const hard = (linkTarget: string) => withKind(tar([{ path: 'h', type: 'link', linkTarget }]), '1')
  assert.match(await refusal(hard('../../etc/passwd')), /climbs out/)
  assert.match(await refusal(hard('/etc/passwd')), /absolute/)
  assert.match(await refusal(hard('nothing')), /which is no file in the archive/)
})

test('device nodes and pipes are refused', async () => {
  for (const kind of ['3', '4', '6'])
    assert.match(await refusal(withKind(tar([{ path: 'dev' }]), kind)), /dev: it is a device or a pipe/)
  assert.match(await refusal(withKind(tar([{ path: 's' }]), 'S')), /of a kind/)
})

test('an archive that is cut off is refused at every length, and so is a cut off gzip', async () => {
  const whole = tar(project)
  for (let length = 0; length <= whole.length - tarEnd.length; length += 97)
    await refusal(whole.subarray(0, length))
  const zipped = gzipSync(whole)
  for (let length = 0; length < zipped.length; length += 7) await refusal(zipped.subarray(0, length))
  assert.match(await refusal(zipped.subarray(0, zipped.length - 4)), /compression is cut off/)
})

test('a damaged archive is refused or read, but never breaks anything', async () => {
  const whole = tar(project)
  const zipped = gzipSync(whole)
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(round % 2 ? whole : zipped)
    for (let hit = 0; hit < 3; hit++) bytes[Math.floor(Math.random() * bytes.length)] = randomBytes(1)[0]!
    try {
      await using _ = await read(bytes)
    } catch (error) {
      assert.ok(error instanceof Problem, String(error))
    }
  }
})

test('what is no archive is refused', async () => {
  assert.match(await refusal(Buffer.from('hello')), /cut off/)
  assert.match(await refusal(Buffer.alloc(2000, 'x')), /no tar archive/)
  assert.match(await refusal(Buffer.alloc(0)), /it is empty/)
})

test('a project over the limit is refused with the limit and the setting, also when it arrives as a small bomb', async () => {
  const bomb = gzipSync(tar([{ path: 'zeros', content: '\0'.repeat(5_000_000) }]))
  assert.ok(bomb.length < 20_000)
  assert.match(await refusal(bomb, 1024 ** 2), /larger than 1 MB · .* COPAL_CONTEXT_LIMIT/)
})

test('a header that claims a long name is not kept in memory', async () => {
  const header = withKind(tar([{ path: 'x', content: '' }]), 'L')
  header.write('77777777777', 124)
  const sum = header
    .subarray(0, 512)
    .reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  header.write(sum.toString(8).padStart(6, '0'), 148)
  assert.match(await refusal(header), /too long/)
})

test('nothing is left in the spool folder, neither after a good nor after a bad archive', async () => {
  const source = await read(tar(project))
  await refusal(Buffer.alloc(2000, 'x'))
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('source-')),
    [],
  )
  await source[Symbol.asyncDispose]()
})

test('sizes are said as settings are written', () => {
  assert.deepEqual([0, 900, 1024, 1536, 5 * 1024 ** 2, 2 * 1024 ** 3].map(sizeText), [
    '0 bytes',
    '900 bytes',
    '1 KB',
    '1.5 KB',
    '5 MB',
    '2 GB',
  ])
})
