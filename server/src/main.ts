import { readConfig } from './config.ts'
import { startServer } from './parts.ts'

try {
  const server = await startServer(readConfig(process.env))
  process.send?.({ ready: true, url: server.ctx.config.url, firstLogin: server.firstLogin })
  const stop = async () => {
    setTimeout(() => process.exit(1), 15_000).unref()
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
