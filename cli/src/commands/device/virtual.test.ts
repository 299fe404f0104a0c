import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

test('where no engine answers, a command for virtual devices says what to do', async () => {
  const env = { ...process.env, DOCKER_HOST: 'unix:///nonexistent/docker.sock' }
  const main = join(import.meta.dirname, '../../main.ts')
  const ran = await new Promise<{ code: unknown; stderr: string }>((done) =>
    execFile(process.execPath, [main, 'device', 'start', '--all'], { env }, (error, _, stderr) =>
      done({ code: error?.code, stderr }),
    ),
  )
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /^cannot reach virtual devices: no Docker Engine answers here .* · .*DOCKER_HOST/)
})
