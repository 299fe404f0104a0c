import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startExternalPostgres } from './external-postgres.ts'
import { startPlatform, until } from './platform.ts'

test("the operating system's PostgreSQL takes the place of the embedded one, and may be restarted under the platform", async (t) => {
  await using database = await startExternalPostgres()
  await using platform = await startPlatform({ COPAL_DATABASE_URL: database.url })
  t.diagnostic(`PostgreSQL ${database.version}`)
  assert.equal(existsSync(join(platform.dataDir, 'postgres')), false, 'no database of its own was made')

  await platform.copal('fleet', 'create', 'elsewhere')
  const project = await platform.project({
    Dockerfile: 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n',
    hello: 'hello',
  })
  const pushed = await project.push('admin/elsewhere')
  assert.equal(pushed.code, 0, pushed.stderr)

  await database.restart()
  const releases = await until(
    () => platform.json('release', 'list', 'admin/elsewhere'),
    30_000,
    () => 'the platform does not answer after its database was restarted',
  )
  assert.deepEqual(
    releases.map(({ status }: { status: string }) => status),
    ['success'],
  )
  await project.write('hello', 'hello again')
  await project.commit()
  const again = await project.push('admin/elsewhere')
  assert.equal(again.code, 0, again.stderr)

  await platform.stop()
  await platform.start()
  assert.equal((await platform.json('release', 'list', 'admin/elsewhere')).length, 2)
})
