/** What the engine refused, or that it could not be reached. */
export class EngineError extends Error {
  /** HTTP status of the engine's answer; 0 when there was none (not reachable, connection lost, or trouble told inside a stream). */
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.status = status
  }
}

/** True for the engine's 404: the container, image, network or volume does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404
}

/** True when a network could not be made since all address ranges that the engine may hand out are in use on this machine. */
export function isOutOfAddresses(error: unknown): boolean {
  return error instanceof EngineError && /non-overlapping|predefined address pools/.test(error.message)
}

/** What people are told then, behind what could not be done. */
export const outOfAddresses =
  'Docker Engine has no addresses left for another network · remove networks that nobody uses (docker network prune), or give it more (default-address-pools)'

/** True for the engine's 409: a name in use, or a thing that is busy or in another state. */
export function isConflict(error: unknown): boolean {
  return error instanceof EngineError && error.status === 409
}
