// For tests only: a cable between a device and its platform that can be cut while bytes are in it.
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface Cable extends AsyncDisposable {
  /** Where the device finds the platform. */
  endpoint: string
  /** What the device sends from now on still arrives, and nothing comes back; or neither. A new connection works again. */
  cut(how: 'both ways' | 'answers'): void
}

/** @param portOf the platform's port for the next connection; there may be several copies of it */
export async function layCable(portOf: () => number): Promise<Cable> {
  const pairs = new Set<[Socket, Socket]>()
  const server = createServer((near) => {
    const far = connect(portOf(), '127.0.0.1')
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    near.pipe(far).pipe(near)
    for (const socket of pair)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          for (const one of pair) one.destroy()
          pairs.delete(pair)
        })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut(how) {
      for (const [near, far] of pairs)
        if (how === 'answers') {
          far.unpipe(near)
          far.resume()
          setTimeout(() => near.destroy(), 50)
        } else near.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const [near] of pairs) near.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}
