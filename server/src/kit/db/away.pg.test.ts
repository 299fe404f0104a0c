import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemOf } from '../http/errors.ts'
import { databaseIsAway } from './away.ts'
import { connect } from './db.ts'
import { testDatabase } from './test-database.ts'

async function thrownBy(work: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
}

test('a request during which the database goes away is answered with 503 and when to ask again', async () => {
  await using database = await testDatabase()
  await using db = connect(database.url, { connections: 1 })
  await using other = connect(database.url, { connections: 1 })
  const [mine] = await db.sql<{ pid: number }[]>`select pg_backend_pid() as pid`
  const asking = thrownBy(() => db.sql`select pg_sleep(20)`)
  // Once it is at work, so that it is this question that is cut off.
  for (let tries = 0; tries < 200; tries++) {
    const [found] =
      await other.sql`select 1 from pg_stat_activity where pid = ${mine!.pid} and wait_event = 'PgSleep'`
    if (found) break
  }
  await other.sql`select pg_terminate_backend(${mine!.pid})`
  // The client may learn why only with the next question.
  for (const error of [await asking, await thrownBy(() => db.sql`select 1`)].filter(Boolean)) {
    const problem = problemOf(error)
    assert.equal(problem?.status, 503)
    assert.match(problem.message, /^cannot reach the database/)
    assert.ok(Number(problem.headers['Retry-After']) > 0)
  }
  assert.ok(await asking)
  assert.equal((await db.sql`select 1 as one`)[0]!['one'], 1, 'then questions are answered again')
})

test('nobody at the socket means that the database is away; a wrong statement does not', async () => {
  await using nowhere = connect('postgres:///copal?host=/nonexistent&user=copal', { connections: 1 })
  assert.ok(databaseIsAway(await thrownBy(() => nowhere.sql`select 1`)))
  await using database = await testDatabase()
  await using db = connect(database.url, { connections: 1 })
  const fault = await thrownBy(() => db.sql.unsafe('select nonsense'))
  assert.equal(databaseIsAway(fault), false)
  assert.equal(problemOf(fault), undefined)
})
