// Runs a command with a PostgreSQL of its own, for tests: `node dev/with-postgres.mjs node --test server/src/x.pg.test.ts`.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { startPostgres } from './postgres.mjs'

/** Runs `work` with the URL of a fresh PostgreSQL that forgets everything; stops it afterwards. */
export async function withPostgres(work) {
  const folder = mkdtempSync(join(tmpdir(), 'copal-test-'))
  const postgres = await startPostgres(folder, { durable: false })
  try {
    return await work(postgres.url)
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const [command, ...args] = process.argv.slice(2)
  const code = await withPostgres((url) => {
    const bin = join(import.meta.dirname, '..', 'node_modules', '.bin')
    const child = spawn(command, args, {
      stdio: 'inherit',
      env: { ...process.env, COPAL_TEST_DATABASE_URL: url, PATH: `${bin}${delimiter}${process.env.PATH}` },
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
    return new Promise((done) => child.once('exit', (status) => done(status ?? 1)))
  })
  process.exit(code)
}
