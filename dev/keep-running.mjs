// A child process that is started again when it dies: at once when it had been well, else with growing pauses.
import { setTimeout as sleep } from 'node:timers/promises'

/** Ms. A child that ran for `wellAfter` was well. */
const usual = { firstPause: 500, longestPause: 30_000, wellAfter: 10_000 }

/**
 * @param {string} name as in "the server ended"
 * @param {() => import('node:child_process').ChildProcess} start
 */
export function keepRunning(name, start, { firstPause, longestPause, wellAfter } = usual) {
  let stopping = false
  let pause = firstPause
  let child

  async function run() {
    while (!stopping) {
      const since = performance.now()
      child = start()
      const how = await new Promise((done) => {
        child.once('exit', (code, signal) => done(signal ?? `code ${code}`))
        child.once('error', (error) => done(error.message))
      })
      if (stopping) return
      if (performance.now() - since >= wellAfter) {
        pause = firstPause
        console.error(`${name} ended (${how}); starting it again`)
        continue
      }
      console.error(`${name} ended (${how}); starting it again in ${pause / 1000} s`)
      await sleep(pause)
      pause = Math.min(pause * 2, longestPause)
    }
  }

  const ended = run()
  return {
    async stop() {
      stopping = true
      child?.kill('SIGTERM')
      const timer = setTimeout(() => child?.kill('SIGKILL'), 20_000)
      await Promise.race([
        ended,
        new Promise((done) =>
          child?.exitCode !== null || child?.signalCode ? done() : child.once('exit', done),
        ),
      ])
      clearTimeout(timer)
    },
  }
}
