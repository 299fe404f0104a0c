// For tests only: a whole server on a database and a folder of its own.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadKeys, serverCertificate } from './auth/keys.ts'
import { readConfig } from './config.ts'
import type { Context } from './context.ts'
import { testDatabase } from './kit/db/test-database.ts'
import type { Db } from './kit/db/db.ts'
import { makeSeal } from './kit/seal.ts'
import { namesOfPlatform, startServer } from './parts.ts'

export interface TestServer extends AsyncDisposable {
  ctx: Context
  /** `http://127.0.0.1:<port>` */
  url: string
  /** The administrator's session token; user name `admin`, organization `admin`. */
  token: string
  /** A JSON request as the administrator (or with `token`); fails unless the status is 2xx. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<any>
}

export const adminPassword = 'correct horse'
const secret = 'a secret for tests alone'

export async function testServer(settings: Record<string, string> = {}): Promise<TestServer> {
  await using starting = new AsyncDisposableStack()
  const database = starting.use(await testDatabase(keys))
  const folder = await mkdtemp(join(tmpdir(), 'copal-server-'))
  await chmod(folder, 0o711) // git runs as a user of its own, who walks through it
  starting.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const config = readConfig({
    COPAL_PORT: String(port),
    COPAL_HOST: '127.0.0.1',
    COPAL_URL: `https://127.0.0.1:${port}`,
    COPAL_DATA_DIR: folder,
    COPAL_DATABASE_URL: database.url,
    COPAL_ADMIN_EMAIL: 'admin@example.test',
    COPAL_ADMIN_PASSWORD: adminPassword,
    COPAL_LOG_LEVEL: 'error',
    COPAL_SECRET: secret,
    ...settings,
  })
  const server = starting.use(await startServer(config))
  const url = `http://127.0.0.1:${port}`
  const login = await fetch(`${url}/login_`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: adminPassword }),
  })
  const admin = await login.text()
  const parts = starting.move()
  return {
    ctx: server.ctx,
    url,
    token: admin,
    async call(method, path, body, token = admin) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
      return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Keys and certificate are the same in all tests: making them costs more than most tests do. */
async function keys(db: Db): Promise<void> {
  const seal = makeSeal(secret)
  const { ca } = await loadKeys(db, seal)
  const names = namesOfPlatform(
    readConfig({ COPAL_URL: 'https://127.0.0.1', COPAL_DATABASE_URL: 'unused', COPAL_SECRET: secret }),
  )
  await serverCertificate(db, seal, ca, names)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
