// Starts the parts, and stops them when told to. Apps go on running without us.
import { engineFromEnvironment } from '@copal/engine/engine.ts'
import { reasonOf } from './log.ts'
import { readSettings } from './settings.ts'
import { startSupervisor } from './supervisor.ts'

const stopping = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort())
void main()

async function main(): Promise<void> {
  let code = 0
  try {
    const settings = readSettings(process.env)
    const engine = engineFromEnvironment({ DOCKER_HOST: settings.engine })
    await startSupervisor(settings, engine, stopping.signal)
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`)
    code = 1
  }
  // Whatever still waits for the network or the engine is given up; all that matters is on disk.
  process.exit(code)
}
