import { readConfig } from './config.ts'
import { keepSupervisorOffered } from './host-os/part.ts'
import { startServer } from './parts.ts'

try {
  const server = await startServer(readConfig(process.env))
  const supervisor = keepSupervisorOffered(server.ctx)
  // `npm start` is the parent: it shows the first login, and adds the first device as that user.
  if (process.send) process.send({ ready: true, ...(await server.introduction()) })
  const stop = async () => {
    setTimeout(() => process.exit(1), 15_000).unref()
    supervisor[Symbol.dispose]()
    await server[Symbol.asyncDispose]()
    process.exit(0)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.once('disconnect', stop) // the parent is gone
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  if (process.env.COPAL_LOG_LEVEL === 'debug') console.error(error)
  process.exit(1)
}
