// For tests only: what every store of blobs must do. A store's own test opens it and calls this.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { Problem } from '../../problems.ts'
import type { Blobs, Upload } from './blobs.ts'

export interface OpenStore extends AsyncDisposable {
  blobs: Blobs
  /** The same store as another process sees it, or as this one does after it was killed. */
  another(): Promise<Blobs>
}

export function blobsContract(kind: string, openStore: () => Promise<OpenStore>): void {
  test(`${kind}: what was put is read back by its digest, whole and in part`, async () => {
    await using store = await openStore()
    const bytes = randomBytes(300_000)
    assert.deepEqual(await store.blobs.put(Readable.from([bytes])), {
      digest: digestOf(bytes),
      size: 300_000,
    })
    const other = await store.another()
    assert.deepEqual(await buffer(await other.read(digestOf(bytes))), bytes)
    const part = await other.read(digestOf(bytes), { start: 7, end: 99_999 })
    assert.deepEqual(await buffer(part), bytes.subarray(7, 100_000))
    assert.equal(await other.size(digestOf(bytes)), 300_000)
  })

  test(`${kind}: an empty blob is a blob`, async () => {
    await using store = await openStore()
    const { digest } = await store.blobs.put(Readable.from([]))
    assert.equal(await store.blobs.size(digest), 0)
    const upload = store.blobs.begin()
    assert.deepEqual(await store.blobs.finish(upload, digest), { digest, size: 0 })
  })

  test(`${kind}: a blob that is not there has no size and cannot be read; a name that is no digest is refused`, async () => {
    await using store = await openStore()
    const digest = digestOf(Buffer.from('nothing of the kind'))
    assert.equal(await store.blobs.size(digest), undefined)
    await assert.rejects(store.blobs.read(digest), problem(404))
    await store.blobs.remove(digest)
    await assert.rejects(async () => store.blobs.size('sha256:../../etc/passwd'), problem(400))
  })

  test(`${kind}: a blob that is put with the wrong digest is refused and not kept`, async () => {
    await using store = await openStore()
    const bytes = randomBytes(100)
    const expected = digestOf(randomBytes(100))
    await assert.rejects(store.blobs.put(Readable.from([bytes]), expected), problem(400, 'digest_invalid'))
    assert.equal(await store.blobs.size(expected), undefined)
    assert.equal(await store.blobs.size(digestOf(bytes)), undefined)
  })

  test(`${kind}: a stream that breaks off leaves no blob`, async () => {
    await using store = await openStore()
    await assert.rejects(store.blobs.put(breakingOff([Buffer.from('half')])), /broke off/)
    assert.equal(await store.blobs.size(digestOf(Buffer.from('half'))), undefined)
  })

  test(`${kind}: an upload grows part by part, here and in another process, and is visible only when finished`, async () => {
    await using store = await openStore()
    const parts = [randomBytes(1_500_000), randomBytes(10), randomBytes(70_000)]
    const digest = digestOf(Buffer.concat(parts))
    let upload = store.blobs.begin()
    upload = await append(store.blobs, upload, parts[0]!)
    assert.equal(upload.size, 1_500_000)
    upload = await append(await store.another(), upload, parts[1]!)
    upload = await append(store.blobs, upload, parts[2]!)
    assert.equal(await store.blobs.size(digest), undefined)
    const other = await store.another()
    assert.deepEqual(await other.finish(upload, digest), { digest, size: 1_570_010 })
    assert.deepEqual(await buffer(await store.blobs.read(digest)), Buffer.concat(parts))
  })

  test(`${kind}: what arrived before an upload broke off is safe, and goes on from there`, async () => {
    await using store = await openStore()
    let upload = store.blobs.begin()
    await assert.rejects(async () => {
      for await (const safe of store.blobs.append(upload, breakingOff([Buffer.from('first ')]))) upload = safe
    }, /broke off/)
    assert.equal(upload.size, 6)
    upload = await append(store.blobs, upload, Buffer.from('second'))
    await store.blobs.finish(upload, digestOf(Buffer.from('first second')))
  })

  test(`${kind}: bytes beyond the state that was kept did not happen`, async () => {
    await using store = await openStore()
    const kept = await append(store.blobs, store.blobs.begin(), Buffer.from('kept '))
    // A writer whose news never reached its caller's row: the process died in between.
    const writing = store.blobs.append(kept, Readable.from([Buffer.from('forgotten')]))
    const forgetful = writing[Symbol.asyncIterator]()
    await forgetful.next()
    const upload = await append(await store.another(), kept, Buffer.from('instead'))
    await store.blobs.finish(upload, digestOf(Buffer.from('kept instead')))
    await forgetful.return?.()
  })

  test(`${kind}: two writers of one upload never write into each other's bytes`, async () => {
    await using store = await openStore()
    const slow = new Readable({ read() {} })
    let upload = await append(store.blobs, store.blobs.begin(), Buffer.from('0123456789'))
    const late = (async () => {
      for await (const _ of store.blobs.append(upload, slow));
    })()
    slow.push(Buffer.alloc(2_000_000, 'x'))
    upload = await append(store.blobs, upload, Buffer.from('abcdef'))
    slow.push(null)
    await late
    await store.blobs.finish(upload, digestOf(Buffer.from('0123456789abcdef')))
  })

  test(`${kind}: an upload whose digest is another one is refused, and nothing of it is kept`, async () => {
    await using store = await openStore()
    const upload = await append(store.blobs, store.blobs.begin(), Buffer.from('damaged'))
    const expected = digestOf(Buffer.from('whole'))
    await assert.rejects(store.blobs.finish(upload, expected), problem(400, 'digest_invalid'))
    assert.equal(await store.blobs.size(expected), undefined)
    assert.equal(await store.blobs.size(digestOf(Buffer.from('damaged'))), undefined)
    await assert.rejects(store.blobs.finish(upload, expected), problem(404))
  })

  test(`${kind}: finishing again what was finished is success`, async () => {
    await using store = await openStore()
    const digest = digestOf(Buffer.from('once'))
    const upload = await append(store.blobs, store.blobs.begin(), Buffer.from('once'))
    await store.blobs.finish(upload, digest)
    assert.deepEqual(await (await store.another()).finish(upload, digest), { digest, size: 4 })
  })

  test(`${kind}: the same blob may be pushed many times at once`, async () => {
    await using store = await openStore()
    const bytes = randomBytes(200_000)
    await Promise.all(
      Array.from({ length: 8 }, () => store.blobs.put(Readable.from([bytes]), digestOf(bytes))),
    )
    assert.deepEqual(await buffer(await store.blobs.read(digestOf(bytes))), bytes)
  })

  test(`${kind}: what is abandoned or swept is gone, what was written to since is not`, async () => {
    await using store = await openStore()
    const abandoned = await append(store.blobs, store.blobs.begin(), Buffer.from('abandoned'))
    await store.blobs.abandon(abandoned)
    await assert.rejects(append(store.blobs, abandoned, Buffer.from('!')), problem(404))
    const old = await append(store.blobs, store.blobs.begin(), Buffer.from('old'))
    await store.blobs.sweep(new Date(Date.now() - 60_000))
    const grown = await append(store.blobs, old, Buffer.from('er'))
    await store.blobs.sweep(new Date(Date.now() + 60_000))
    await assert.rejects(append(await store.another(), grown, Buffer.from('!')), problem(404))
  })

  test(`${kind}: a blob that was removed is gone`, async () => {
    await using store = await openStore()
    const { digest } = await store.blobs.put(Readable.from([Buffer.from('short life')]))
    assert.equal(await store.blobs.remove(digest), true)
    assert.equal(await store.blobs.size(digest), undefined)
    assert.equal(await store.blobs.remove(digest), false)
  })

  test(`${kind}: a blob that was put again since is not removed`, async () => {
    await using store = await openStore()
    const { digest } = await store.blobs.put(Readable.from([Buffer.from('wanted again')]))
    assert.equal(await store.blobs.remove(digest, new Date(Date.now() - 60_000)), false)
    assert.equal(await store.blobs.size(digest), 12)
    assert.equal(await store.blobs.remove(digest, new Date(Date.now() + 60_000)), true)
  })

  test(`${kind}: all blobs are listed, and nothing that is on its way`, async () => {
    await using store = await openStore()
    const listed = async () => {
      const found: string[] = []
      for await (const { digest, size, putAt } of store.blobs.list()) {
        assert.ok(Math.abs(putAt.getTime() - Date.now()) < 60_000)
        found.push(`${digest} ${size}`)
      }
      return found.sort()
    }
    assert.deepEqual(await listed(), [])
    await append(store.blobs, store.blobs.begin(), Buffer.from('half of it'))
    const put = await Promise.all(
      Array.from({ length: 20 }, (_, length) => store.blobs.put(Readable.from([randomBytes(length)]))),
    )
    assert.deepEqual(await listed(), put.map(({ digest, size }) => `${digest} ${size}`).sort())
  })
}

async function append(blobs: Blobs, upload: Upload, bytes: Buffer): Promise<Upload> {
  let newest = upload
  for await (const safe of blobs.append(upload, Readable.from([bytes]))) newest = safe
  assert.equal(newest.size, upload.size + bytes.length)
  return newest
}

function breakingOff(chunks: Buffer[]): Readable {
  return Readable.from(
    (async function* () {
      yield* chunks
      throw new Error('broke off')
    })(),
  )
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const problem = (status: number, code?: string) => (error: unknown) =>
  error instanceof Problem && error.status === status && (code === undefined || error.code === code)
