import { Problem } from '../problems.ts'

// The codes of the OCI distribution specification, and the status that each is answered with.
const statuses = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 416,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
} as const

export type Code = keyof typeof statuses

/** A refusal in the registry's own words; clients act on the code. */
export const refusal = (code: Code, sentence: string, headers: Record<string, string> = {}): Problem =>
  new Problem(statuses[code], code, sentence, headers)

/** The body that the specification wants for a Problem, also for one that the blob store threw. */
export function refusalBody(problem: Problem): string {
  return JSON.stringify({
    errors: [{ code: problem.code.toUpperCase(), message: problem.message, detail: null }],
  })
}
