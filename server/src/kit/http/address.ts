import type { Socket } from 'node:net'

/** Where a connection comes from; IPv4 as it is usually written, also on a socket of both families. */
export const addressOf = (socket: Pick<Socket, 'remoteAddress'>): string | undefined =>
  socket.remoteAddress?.replace(/^::ffff:/, '')
