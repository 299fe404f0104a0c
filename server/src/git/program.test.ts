import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gitUser, runGit, streamGit } from './program.ts'

test('git runs as a user of no account, with nothing of our environment and no configuration of the machine', async () => {
  process.env.COPAL_SECRET = 'not for git'
  const seen = await runGit('/', ['-c', 'alias.who=!id -u; env', 'who'])
  delete process.env.COPAL_SECRET
  const [user] = seen.split('\n')
  assert.equal(user, String(gitUser ?? process.getuid!()))
  assert.doesNotMatch(seen, /COPAL_/)
  assert.match(seen, /GIT_CONFIG_NOSYSTEM=1/)
  assert.equal((await runGit('/', ['config', '--list', '--show-scope'])).includes('system'), false)
})

test('what git prints ends in an error when git fails', async () => {
  const read = async () => {
    for await (const _ of streamGit('/', ['archive', 'nothing']));
  }
  await assert.rejects(read(), /git archive ended with 128/)
})
