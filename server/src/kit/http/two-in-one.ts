import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type Socket } from 'node:net'

const tlsHandshake = 0x16

/**
 * Plain HTTP and TLS on one port, told apart by the first byte. Returns the TCP server (listen on it) and both inner servers
 * (for `upgrade` and timeouts).
 */
export function twoInOne(certificate: { certificate: string; key: string }, onRequest: RequestListener) {
  const plain = createHttp({ keepAliveTimeout: 65_000 }, onRequest)
  const secure = createHttps(
    { cert: certificate.certificate, key: certificate.key, keepAliveTimeout: 65_000 },
    onRequest,
  )
  // Uploads and log streams take hours; slow headers are cut by headersTimeout, idle connections by keepAliveTimeout.
  for (const server of [plain, secure]) server.requestTimeout = 0
  const sockets = new Set<Socket>()
  const tcp = createTcp({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(10_000, () => socket.destroy()) // until the first byte
    socket.once('readable', () => {
      socket.setTimeout(0)
      socket.removeAllListeners('timeout')
      const first = socket.read(1) as Buffer | null
      if (!first) return socket.destroy()
      socket.unshift(first)
      ;(first[0] === tlsHandshake ? secure : plain).emit('connection', socket)
    })
  })
  return {
    tcp,
    servers: [plain, secure as unknown as Server],
    /** Stops taking connections and ends those that are open. */
    async close() {
      const closed = new Promise((done) => tcp.close(done))
      for (const server of [plain, secure]) server.closeIdleConnections()
      const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy()), 1000)
      await closed
      clearTimeout(timer)
    },
  }
}
