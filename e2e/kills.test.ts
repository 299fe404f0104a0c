// Short forms of the proofs: `npm run proof -- push-kills`, `npm run proof -- update-kills`.
import { after, before, test } from 'node:test'
import { killPushes } from './kill-pushes.ts'
import { killUpdates } from './kill-updates.ts'
import { startPlatform, type Platform } from './platform.ts'

let platform: Platform

before(async () => {
  platform = await startPlatform()
})
after(async () => {
  await platform?.[Symbol.asyncDispose]()
})

test('a push during which the server is killed has happened wholly, or not at all and can be repeated', async (t) => {
  await killPushes(platform, 3, (line) => t.diagnostic(line))
})

test('a device whose supervisor is killed during updates ends with exactly what it should run', async (t) => {
  await killUpdates(platform, 3, (line) => t.diagnostic(line))
})
