import type { Readable } from 'node:stream'

/**
 * Where bytes are kept: files now, S3 next. Keys are `sha256:<64 hex>`: content decides the name, so a blob never changes
 * and a copy of it is as good as the original.
 */
export interface Blobs {
  /** Takes the stream in whole, checks it against `expected` when given, and makes it visible in one step under its digest. */
  put(content: Readable, expected?: string): Promise<{ digest: string; size: number }>
  /** Bytes `start` to `end`, both inclusive. Throws a 404 Problem when there is no such blob. */
  read(digest: string, range?: { start: number; end: number }): Promise<Readable>
  /** Undefined when there is no such blob. */
  size(digest: string): Promise<number | undefined>
  remove(digest: string): Promise<void>
}
