/**
 * Splits a command written as one text into words, as a shell would: quotes keep words together, a backslash takes the
 * next character as it is. Nothing is expanded and nothing is an operator: `sh -c "echo $X > f"` is three words.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word += char
    } else if (char === '\\' && at + 1 < line.length) {
      const next = line.charAt(++at)
      // Between double quotes a backslash is only special before these.
      word = (word ?? '') + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next)
    } else if (quote === '"') {
      if (char === '"') quote = undefined
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (word !== undefined) words.push(word)
  return words
}
