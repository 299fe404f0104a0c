import type { Readable } from 'node:stream'

/**
 * Where bytes are kept: files now, S3 next. Keys are `sha256:<64 hex>`: content decides the name, so a blob never changes
 * and a copy of it is as good as the original. `blobs.contract.ts` says in tests what every store must do.
 */
export interface Blobs {
  /** Takes the stream in whole, checks it against `expected` when given, and makes it visible in one step under its digest. */
  put(content: Readable, expected?: string): Promise<Blob>
  /** Bytes `start` to `end`, both inclusive. Throws a 404 Problem when there is no such blob. */
  read(digest: string, range?: { start: number; end: number }): Promise<Readable>
  /** Bytes; undefined when there is no such blob. */
  size(digest: string): Promise<number | undefined>
  /** Where `unlessSince` is given, only a blob that nobody put since. Returns whether it went. */
  remove(digest: string, unlessSince?: Date): Promise<boolean>
  /** All blobs there are, in no order and never all in memory; one that comes or goes meanwhile may be listed or not. */
  list(): AsyncIterable<Blob & { putAt: Date }>

  /** An upload that grows over several requests and outlives this process. Costs nothing until bytes come. */
  begin(): Upload
  /**
   * Adds bytes after the first `upload.size` ones; whatever a dead writer left beyond those is cut off. Yields each time more
   * bytes are safe: the caller keeps the newest state in a row and gives it back later, and what it did not keep did not
   * happen. Should `content` break off, what had arrived is made safe and yielded before the error is thrown.
   * Of two writers of one upload only the one whose state is kept counts; they never write into each other's bytes.
   */
  append(upload: Upload, content: Readable): AsyncIterable<Upload>
  /**
   * Makes the upload visible as a blob in one step. Throws a 400 Problem (`digest_invalid`) and keeps nothing when its digest
   * is not `expected`; a 404 Problem when the store has lost the bytes. Finishing again what was finished is success.
   */
  finish(upload: Upload, expected: string): Promise<Blob>
  abandon(upload: Upload): Promise<void>
  /** Frees what uploads left behind that nobody has written to since `before`. */
  sweep(before: Date): Promise<void>
}

export interface Blob {
  digest: string
  /** Bytes. */
  size: number
}

/** Plain data, for the caller to keep. */
export interface Upload {
  readonly id: string
  /** Bytes that are safe. */
  readonly size: number
  /** The store's own memory (a file's name; with S3 the multipart id and its parts): kept by the caller, read by the store. */
  readonly note: string
}
