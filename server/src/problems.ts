/**
 * Known trouble: thrown where it is understood, turned into an answer by one translator per surface.
 * The sentence begins with "cannot", names the thing and offers the way out. All else that is thrown is a bug.
 */
export class Problem extends Error {
  override name = 'Problem'
  readonly status: number
  readonly code: string
  /** Extra headers that the answer carries, e.g. `Retry-After`. */
  readonly headers: Record<string, string>

  constructor(status: number, code: string, sentence: string, headers: Record<string, string> = {}) {
    super(sentence)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export const badRequest = (sentence: string, code = 'bad_request') => new Problem(400, code, sentence)
export const unauthorized = (sentence = 'cannot tell who is asking · log in, or send an API key') =>
  new Problem(401, 'unauthorized', sentence)
export const forbidden = (sentence: string) => new Problem(403, 'forbidden', sentence)
export const notFound = (sentence: string) => new Problem(404, 'not_found', sentence)
export const conflict = (sentence: string, code = 'conflict') => new Problem(409, code, sentence)
export const tooLarge = (sentence: string) => new Problem(413, 'too_large', sentence)
export const tooMany = (sentence: string, retryAfterSeconds: number) =>
  new Problem(429, 'too_many', sentence, { 'Retry-After': String(retryAfterSeconds) })
