const longest = 128 * 1024 // bytes of one line of JSON; the message in it is at most 10,000 characters

/** One line of text, or `over-long` in place of one that was thrown away. */
export type Piece = string | typeof overLong
export const overLong = Symbol('over-long')

/**
 * Splits bytes into lines as they come; one list for each chunk, so that what came together is handled together. With `whole`, a
 * last line that does not end counts as cut off, and not at all: who sent it will send it again.
 */
export async function* linesOf(
  bytes: AsyncIterable<Buffer>,
  { whole = false } = {},
): AsyncGenerator<Piece[]> {
  let rest: Buffer = Buffer.alloc(0)
  let skipping = false
  for await (const chunk of bytes) {
    const pieces: Piece[] = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (skipping) skipping = false
      else pieces.push(Buffer.concat([rest, chunk.subarray(from, end)]).toString())
      rest = Buffer.alloc(0)
      from = end + 1
    }
    if (!skipping) rest = Buffer.concat([rest, chunk.subarray(from)])
    if (rest.length > longest) {
      pieces.push(overLong)
      rest = Buffer.alloc(0)
      skipping = true
    }
    yield pieces.filter((piece) => piece === overLong || piece.trim() !== '')
  }
  if (rest.length > 0 && !whole) yield [rest.toString()]
}
