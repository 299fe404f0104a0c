/** Where in a project something stands, as far as it is known. */
export type Where = { file?: string; line?: number; service?: string; key?: string }

/**
 * Trouble that the author of a project can mend. The message is one sentence that begins with "cannot", names file, line,
 * service and key, and offers the way out. Reading a project throws nothing else.
 */
export class ProjectError extends Error {
  readonly file?: string
  readonly line?: number
  readonly service?: string
  readonly key?: string

  constructor(message: string, where: Where = {}) {
    super(message)
    this.name = 'ProjectError'
    Object.assign(this, where)
  }
}

/** `cannot <deed> (docker-compose.yml, line 4, service web): <why>` */
export function cannot(deed: string, why: string, where: Where = {}): ProjectError {
  return new ProjectError(`cannot ${deed}${placeOf(where)}: ${why}`, where)
}

function placeOf({ file, line, service }: Where): string {
  const parts = [file, line && `line ${line}`, service && `service ${service}`].filter(Boolean)
  return parts.length ? ` (${parts.join(', ')})` : ''
}

/** Something that the author should know and that stops nobody. */
export type Warning = { text: string; line?: number; service?: string }
