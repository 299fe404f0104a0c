// The one way from a builder to the platform: a socket in the builder's own folder, behind which the registry answers and
// nothing else does. There is no other, so nothing of the platform depends on what a builder's filter lets through.
import { rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import type { Authority } from '../auth/authority.ts'
import type { Context } from '../context.ts'
import { onePer } from '../kit/one-per.ts'

export interface RegistryDoors extends AsyncDisposable {
  /** What stands behind all doors. To be told once, before the first build. */
  lead(certificate: Authority, listener: RequestListener): void
  /** Listens at `path`, whoever did before. Opening an open door does nothing. */
  open(path: string): Promise<void>
  close(path: string): Promise<void>
}

/** Part of the server, one for each copy. */
export const registryDoors = onePer(makeDoors)

const idle = 65_000 // ms

function makeDoors(_: Context): RegistryDoors {
  const doors = new Map<string, Promise<Door>>()
  let room: ReturnType<typeof createHttps> | undefined

  async function close(path: string): Promise<void> {
    const door = await doors.get(path)?.catch(() => undefined)
    doors.delete(path)
    await door?.close()
  }
  return {
    lead({ certificate, key }, listener) {
      // TLS, as on the platform's port: engines speak to registries by it without being told otherwise.
      room = createHttps({ cert: certificate, key, keepAliveTimeout: idle }, registryOnly(listener))
      room.requestTimeout = 0 // layers take their time
    },
    async open(path) {
      const opening = doors.get(path) ?? openDoor(path, (socket) => room!.emit('connection', socket))
      doors.set(path, opening)
      await opening.catch((error: unknown) => {
        doors.delete(path)
        throw error
      })
    },
    close,
    async [Symbol.asyncDispose]() {
      await Promise.all([...doors.keys()].map(close))
    },
  }
}

interface Door {
  close(): Promise<void>
}

async function openDoor(path: string, enter: (socket: Socket) => void): Promise<Door> {
  await rm(path, { force: true }) // of a copy that was killed
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    enter(socket)
  })
  await new Promise<void>((done, failed) => server.once('error', failed).listen(path, done))
  return {
    async close() {
      const closed = new Promise((done) => server.close(done))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Lets through what concerns the registry and its tokens. */
export function registryOnly(listener: RequestListener): RequestListener {
  return (request, response) => {
    const path = request.url!.replace(/\?.*$/, '')
    if (path.startsWith('/v2/') || path === '/auth/v1/token') return listener(request, response)
    response.writeHead(403, { 'content-type': 'text/plain', connection: 'close' })
    response.end('cannot answer: builders reach the registry and nothing else of the platform\n')
  }
}
