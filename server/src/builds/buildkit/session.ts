// What BuildKit asks its client for while it builds: secrets, and logins to registries. It asks by gRPC over a connection
// that we opened, so that nothing has to listen anywhere; and it asks for each secret only when a step wants it.
import { randomUUID } from 'node:crypto'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Engine } from '@copal/engine/engine.ts'
import { bytesField, fieldsOf, numberField } from './protobuf.ts'

export interface SessionWish {
  /** By id, as `RUN --mount=type=secret,id=…` names it. */
  secrets: ReadonlyMap<string, Buffer>
  /** By host[:port]; the empty name is the hub. */
  logins: Readonly<Record<string, { username: string; password: string }>>
}

export interface BuildSession extends Disposable {
  /** Goes into the build's request. */
  id: string
}

type Answer = { message: Buffer } | { status: number; text: string }

const notFoundStatus = 5
const unimplemented = 12

/** Opens a session on `engine`, which lasts until it is disposed of. */
export async function openSession(
  engine: Engine,
  wish: SessionWish,
  signal?: AbortSignal,
): Promise<BuildSession> {
  const id = randomUUID()
  const methods: Record<string, (request: Buffer) => Answer> = {
    '/grpc.health.v1.Health/Check': () => ({ message: numberField(1, 1) }), // serving
    '/moby.filesync.v1.Auth/Credentials': (request) => credentials(wish, textField(request, 1)),
    '/moby.buildkit.secrets.v1.Secrets/GetSecret': (request) => secret(wish, textField(request, 1)),
  }
  const socket = await engine.upgrade('POST', '/session', {
    headers: {
      upgrade: 'h2c',
      'x-docker-expose-session-uuid': id,
      'x-docker-expose-session-name': 'copal',
      'x-docker-expose-session-grpc-method': Object.keys(methods),
    },
    signal,
  })
  socket.on('error', () => {}) // the build tells what came of it
  serve(socket, methods)
  return { id, [Symbol.dispose]: () => socket.destroy() }
}

function serve(socket: Duplex, methods: Record<string, (request: Buffer) => Answer>): void {
  const session = performServerHandshake(socket)
  session.on('error', () => {})
  session.on('stream', (stream, headers) => {
    const method = methods[String(headers[':path'])]
    const pieces: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('end', () => {
      // Five bytes in front of a message: not compressed, and its length.
      const request = Buffer.concat(pieces).subarray(5)
      answer(stream, method?.(request) ?? { status: unimplemented, text: 'not offered' })
    })
  })
}

function answer(stream: ServerHttp2Stream, reply: Answer): void {
  const isGood = 'message' in reply
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () =>
    stream.sendTrailers(
      isGood
        ? { 'grpc-status': '0' }
        : { 'grpc-status': String(reply.status), 'grpc-message': encodeURIComponent(reply.text) },
    ),
  )
  if (!isGood) return void stream.end()
  const front = Buffer.alloc(5)
  front.writeUInt32BE(reply.message.length, 1)
  stream.end(Buffer.concat([front, reply.message]))
}

function secret(wish: SessionWish, id: string): Answer {
  const content = wish.secrets.get(id)
  return content
    ? { message: bytesField(1, content) }
    : { status: notFoundStatus, text: `there is no secret ${id}` }
}

function credentials(wish: SessionWish, host: string): Answer {
  const isHub = host === 'registry-1.docker.io' || host === 'docker.io'
  const login = wish.logins[host] ?? (isHub ? (wish.logins[''] ?? wish.logins['docker.io']) : undefined)
  return {
    message: login
      ? Buffer.concat([bytesField(1, login.username), bytesField(2, login.password)])
      : Buffer.alloc(0),
  }
}

function textField(message: Buffer, number: number): string {
  for (const field of fieldsOf(message))
    if ('bytes' in field && field.number === number) return field.bytes.toString()
  return ''
}
