// The local API as far as it goes now: is the supervisor there, and is it well. An updater outside of us judges a new
// version by it, so "well" means that it works and has reached the platform.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Health {
  /** Null when well, else what is wrong. */
  trouble(): string | null
}

/** @returns the port, and how to stop */
export async function serveHealth(
  host: string,
  port: number,
  health: Health,
): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const answer = (status: number, text: string) => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
    }
    if (path === '/ping') return answer(200, 'OK')
    if (path !== '/v1/healthy') return answer(404, 'Not found')
    const trouble = health.trouble()
    return trouble === null ? answer(200, 'OK') : answer(500, `Unhealthy: ${trouble}`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
