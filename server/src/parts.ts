// What the server is made of. `main.ts` starts the parts in this order and stops them in the opposite one.
import { randomUUID } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { makeApp } from './app.ts'
import { loadKeys, serverCertificate } from './auth/keys.ts'
import { firstAdministrator, firstUser } from './accounts/first-administrator.ts'
import { startBuilds } from './builds/part.ts'
import { registryDoors } from './builds/registry-doors.ts'
import { keepCollecting } from './collection/part.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { keepLease } from './copy.ts'
import { syncDeviceTypes } from './device-types/sync.ts'
import { connections } from './devices/connections.ts'
import { keepHeartbeats } from './devices/heartbeat.ts'
import { watched } from './devices/watching.ts'
import { openBlobFiles } from './kit/blobs/files.ts'
import { connect } from './kit/db/db.ts'
import { migrate } from './kit/db/migrate.ts'
import { listen } from './kit/events.ts'
import { twoInOne } from './kit/http/two-in-one.ts'
import { makeSeal } from './kit/seal.ts'
import { lines } from './line/lines.ts'
import { makeLogger } from './log.ts'
import { keepPartitions } from './logs/partitions.ts'
import { logWriter } from './logs/write-lines.ts'
import { reports } from './reports/record-report.ts'
import { startUploadSweeps } from './registry/sweep-uploads.ts'
import { nudge } from './target-state/nudge.ts'

export interface Server extends AsyncDisposable {
  ctx: Context
  /** What `npm start` tells the person at the terminal, with a session of the first user to add a device with. */
  introduction(): Promise<Introduction>
}

export interface Introduction {
  port: number
  user: string
  token: string
  /** How to log in; only at the very first start. */
  firstLogin: { email: string; password: string } | undefined
}

export async function startServer(config: Config): Promise<Server> {
  await using starting = new AsyncDisposableStack()
  const log = makeLogger(config.logLevel)
  const db = starting.use(connect(config.databaseUrl))
  const fresh = await migrate(db)
  if (fresh.length > 0) log.info({ migrations: fresh }, `the database was brought up to ${fresh.at(-1)}`)
  const events = starting.use(
    await listen(config.databaseUrl, (error) => log.error({ err: error }, 'an event could not be handled')),
  )
  const seal = makeSeal(config.secret)
  const ctx: Context = {
    config,
    log,
    db,
    events,
    seal,
    blobs: await openBlobFiles(config.blobs),
    keys: await loadKeys(db, seal),
    copy: randomUUID(),
    now: () => new Date(),
  }
  starting.use(await keepLease(ctx))
  await syncDeviceTypes(ctx)
  const firstLogin = await firstAdministrator(ctx)
  watched(ctx) // known before the first change is told
  starting.use(keepHeartbeats(ctx))
  starting.use(connections(ctx))
  starting.use(reports(ctx))
  starting.use(startUploadSweeps(ctx))
  starting.use(keepCollecting(ctx))
  starting.use(await keepPartitions(ctx))
  starting.use(logWriter(ctx))
  starting.use(registryDoors(ctx))
  starting.use(await startListener(ctx))
  starting.use(lines(ctx))
  starting.use(nudge(ctx))
  starting.use(await startBuilds(ctx)) // stops first: its pushers still hear why
  const parts = starting.move()
  return {
    ctx,
    introduction: async () => ({ port: config.port, firstLogin, ...(await firstUser(ctx)) }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function startListener(ctx: Context): Promise<AsyncDisposable> {
  const certificate = await serverCertificate(ctx.db, ctx.seal, ctx.keys.ca, namesOfPlatform(ctx.config))
  const app = await makeApp(ctx)
  registryDoors(ctx).lead(certificate, app)
  const listener = twoInOne(certificate, app)
  for (const server of listener.servers)
    server.on('upgrade', (request, socket, head) => {
      if (!lines(ctx).upgrade(request, socket, head))
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
    })
  await new Promise<void>((done, failed) => {
    listener.tcp.once('error', (error: NodeJS.ErrnoException) =>
      failed(
        error.code === 'EADDRINUSE'
          ? new Error(
              `cannot listen on port ${ctx.config.port}: another program has it · set COPAL_PORT to a free one`,
            )
          : error,
      ),
    )
    listener.tcp.listen(ctx.config.port, ctx.config.host, done)
  })
  ctx.log.info({ port: ctx.config.port }, `listening on port ${ctx.config.port}`)
  return { [Symbol.asyncDispose]: () => listener.close() }
}

/** One by one: Node and Go take no wildcard under `localhost` or for IP addresses. */
export function namesOfPlatform(config: Config): string[] {
  const host = new URL(config.url).hostname.replace(/^\[|\]$/g, '')
  const derived = /^[\d.]+$|:/.test(host)
    ? []
    : ['api', 'registry2', 'builder', 'git', 'tunnel', 'delta', 'vpn', 'cloudlink', 'logs', 'dashboard'].map(
        (name) => `${name}.${host}`,
      )
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map((address) => address.address)
    .filter((address) => !address.startsWith('fe80'))
  return [...new Set([host, 'localhost', config.internalName, ...derived, ...addresses])]
}
