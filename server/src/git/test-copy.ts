// For tests only: a copy of the server as a process of its own, which can be killed. It prints its address, and
// `committed` after each transaction, some time before git hears of it.
import { setTimeout as pause } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { startServer } from '../parts.ts'
import { release, serveGit } from './test-remote.ts'

const server = await startServer(readConfig(process.env))
const { url } = await serveGit(server.ctx, async (ctx, push) => {
  push.say('Building')
  await pause(100)
  await release(ctx, push)
  process.stdout.write('committed\n')
  await pause(200)
})
process.stdout.write(`${url}\n`)
