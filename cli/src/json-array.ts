/**
 * Reads a JSON array of objects that arrives bit by bit (`[{…},{…}`…), and yields each object as soon as it is whole.
 * White space between elements keeps connections alive and is skipped.
 */
export async function* elementsOf(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let element = ''
  let depth = 0
  let inString = false
  let escaped = false
  for await (const chunk of chunks) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    for (const char of text) {
      if (depth > 0) element += char
      if (inString) {
        if (escaped) escaped = false
        else if (char === '\\') escaped = true
        else if (char === '"') inString = false
      } else if (char === '"') inString = depth > 0
      else if (char === '{') {
        if (depth === 0) element = char
        depth++
      } else if (char === '}' && --depth === 0) yield JSON.parse(element)
    }
  }
}
