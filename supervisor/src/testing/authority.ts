// For tests only: certificate authorities, and servers with certificates that they signed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface Authority {
  /** PEM. */
  certificate: string
  key: string
}

interface Signed {
  certificate: string
  key: string
}

/** Undefined where openssl is not installed. */
export function makeAuthority(name: string): Authority | undefined {
  try {
    return inFolder((folder) => {
      const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
      openssl(`req -x509 ${newKey} -days 2 -subj /CN=${name} -keyout ${key} -out ${certificate}`)
      return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') }
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A server on loopback that says hello, with a certificate of this authority. Gives its address. */
export async function serveSigned(
  t: TestContext,
  by: Authority,
): Promise<{ endpoint: string; server: Server }> {
  const { certificate, key } = signedBy(by)
  const server = createServer({ key, cert: certificate }, (_request, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** A certificate for 127.0.0.1. */
export function signedBy(authority: Authority): Signed {
  return inFolder((folder) => {
    const path = (name: string) => join(folder, name)
    writeFileSync(path('ca'), authority.certificate)
    writeFileSync(path('ca-key'), authority.key)
    writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1')
    openssl(`req -new ${newKey} -subj /CN=platform -keyout ${path('key')} -out ${path('request')}`)
    openssl(
      `x509 -req -in ${path('request')} -CA ${path('ca')} -CAkey ${path('ca-key')} -set_serial 1 -days 2 -extfile ${path('names')} -out ${path('certificate')}`,
    )
    return { key: readFileSync(path('key'), 'utf8'), certificate: readFileSync(path('certificate'), 'utf8') }
  })
}

const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'

function openssl(options: string): void {
  execFileSync('openssl', options.split(' '), { stdio: 'ignore' })
}

function inFolder<Result>(work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'copal-authority-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
