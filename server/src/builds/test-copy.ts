// For tests only: a copy of the server as a process of its own, which can be killed. It prints a line when it has started.
import { readConfig } from '../config.ts'
import { startServer } from '../parts.ts'

await startServer(readConfig(process.env))
process.stdout.write('started\n')
