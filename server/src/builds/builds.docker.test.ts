import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestServer } from '../test-server.ts'
import { archiveOf, buildingServer, push, seedFleet } from './test-push.ts'

let server: TestServer
let fleet: number
before(
  async () => {
    server = await buildingServer()
    fleet = await seedFleet(server, 'hello')
  },
  { timeout: 60_000 },
)
after(() => server?.[Symbol.asyncDispose]())

test(
  'a project of one Dockerfile becomes a release, and the fleet follows it',
  { timeout: 300_000 },
  async () => {
    const pushed = await push(
      server,
      'admin/hello',
      archiveOf({ Dockerfile: 'FROM scratch\nCOPY hello /hello\n', hello: 'hello' }),
    )
    console.log(pushed.text, pushed.error)
    assert.equal(pushed.error, undefined)
    const [row] = await server.ctx.db.sql`
    select r.status, r.revision, a.should_be_running__release as target, i.content_hash, i.image_size, r.build_log, b.phases
    from release r join application a on a.id = r.belongs_to__application join build b on b.release = r.id
    join release_image ri on ri.is_part_of__release = r.id join image i on i.id = ri.image where r.id = ${pushed.release!}`
    console.log(row)
    assert.equal(row!.status, 'success')
    assert.equal(row!.target, pushed.release)
    const again = await push(
      server,
      'admin/hello',
      archiveOf({ Dockerfile: 'FROM scratch\nCOPY hello /hello\n', hello: 'hello2' }),
    )
    console.log(
      again.text,
      again.error,
      (await server.ctx.db.sql`select phases from build where release = ${again.release!}`)[0],
    )
  },
)
