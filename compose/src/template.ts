// `%%NAME%%` in Dockerfile.template and in Dockerfiles for one architecture or device type. A plain Dockerfile is left alone.
import type { Architecture } from './architectures.ts'
import { cannot } from './project-error.ts'

export type TemplateFacts = {
  arch: Architecture
  deviceType: string
  fleet: string
  commit: string
  service: string
}

/** Lines that begin with `#` are comments and stay as they are. Throws a ProjectError that names an unknown variable and its line. */
export function fillTemplate(text: string, file: string, facts: TemplateFacts): string {
  const values: Record<string, string> = {
    BALENA_ARCH: facts.arch,
    BALENA_MACHINE_NAME: facts.deviceType,
    RESIN_ARCH: facts.arch,
    RESIN_MACHINE_NAME: facts.deviceType,
    BALENA_SERVICE_NAME: facts.service,
    BALENA_APP_NAME: facts.fleet,
    BALENA_RELEASE_HASH: facts.commit,
  }
  const lines = text.split('\n').map((line, index) => {
    if (line.startsWith('#')) return line
    return line.replace(/%%([A-Z_]+)%%/g, (written, name: string) => {
      if (Object.hasOwn(values, name)) return values[name]!
      const known = Object.keys(values).join(', ')
      throw cannot(`fill in ${written}`, `there is no such variable · there are ${known}`, {
        file,
        line: index + 1,
        service: facts.service,
        key: name,
      })
    })
  })
  return lines.join('\n')
}
