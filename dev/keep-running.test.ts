import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { keepRunning } from './keep-running.mjs'

/** Starts `seconds` of sleep again and again, for `ms`; gives when each was started. */
async function startsOf(seconds: string, ms: number): Promise<number[]> {
  const starts: number[] = []
  const start = (): ChildProcess => {
    starts.push(performance.now())
    return spawn('sleep', [seconds], { stdio: 'ignore' })
  }
  const kept = keepRunning('the test', start, { firstPause: 100, longestPause: 10_000, wellAfter: 300 })
  await sleep(ms)
  await kept.stop()
  return starts
}

test('what dies of its start is started again with growing pauses', async () => {
  const starts = await startsOf('0', 1200)
  assert.ok(starts.length >= 2 && starts.length <= 4, `${starts.length} starts`)
})

test('what had been well for a while is started again at once, however often', async () => {
  const starts = await startsOf('0.4', 2300)
  assert.ok(starts.length >= 4, `${starts.length} starts`)
})
